/* SPDX-License-Identifier: MIT */
#include "program.hpp"

#include "failure.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <sstream>
#include <vector>

#include <elf.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

namespace redirect {

namespace {

constexpr int interpreters_followed = 5; /* by the kernel too */
constexpr std::size_t script_line = 256;
constexpr const char *shell = "/bin/sh";

[[noreturn]] void not_found(const std::string &name)
{
	throw Failure(Exit::not_found, name + " is not there",
		      "Check its name, and PATH if the name has no slash.");
}

[[noreturn]] void refuse(const std::string &path, const std::string &why, const std::string &remedy)
{
	throw Failure(Exit::cannot_start, path + " " + why, remedy);
}

bool is_folder(const std::string &path)
{
	struct stat status;

	return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

/* 0, or the errno that execve(2) would fail with before it looks into the file. */
int error_of_running(const std::string &path)
{
	if (::faccessat(AT_FDCWD, path.c_str(), X_OK, AT_EACCESS))
		return errno;
	return is_folder(path) ? EACCES : 0;
}

/*
 * As for execvp(3), an empty entry is the current folder, even if it is the last or the only one.
 */
std::vector<std::string> search_path()
{
	const char *variable = std::getenv("PATH");
	std::istringstream folders(std::string(variable ? variable : "/bin:/usr/bin") + ':');
	std::vector<std::string> result;

	for (std::string folder; std::getline(folders, folder, ':');)
		result.push_back(folder.empty() ? "." : folder);
	return result;
}

/* Reads pieces of a file; what lies after its end is zero. */
class File {
public:
	explicit File(const std::string &path) : path_(path), stream_(path, std::ios::binary)
	{
		if (!stream_)
			refuse(path, "can't be read to see whether a library can be preloaded",
			       "Make it readable (chmod +r).");
	}

	template <class T> T at(std::uint64_t offset)
	{
		T piece{};

		stream_.clear();
		stream_.seekg(static_cast<std::streamoff>(offset));
		stream_.read(reinterpret_cast<char *>(&piece), sizeof(piece));
		return piece;
	}

	std::string start(std::size_t length)
	{
		std::string text(length, '\0');

		stream_.clear();
		stream_.seekg(0);
		stream_.read(text.data(), static_cast<std::streamsize>(length));
		text.resize(static_cast<std::size_t>(stream_.gcount()));
		return text;
	}

private:
	std::string path_;
	std::ifstream stream_;
};

/* The interpreter that a script's first line names, as the kernel reads it. */
std::string interpreter_of(const std::string &start)
{
	std::istringstream line(start.substr(2, start.find('\n') - 2));
	std::string interpreter;

	line >> interpreter;
	return interpreter;
}

/* If a program gets privileges by being run, the dynamic linker ignores paths in LD_PRELOAD. */
void check_privileges(const std::string &path)
{
	struct stat status;

	if (::stat(path.c_str(), &status))
		refuse(path, std::string("can't be looked at: ") + std::strerror(errno), "");

	const bool other_user = status.st_mode & S_ISUID && status.st_uid != ::geteuid();
	const bool other_group = status.st_mode & S_ISGID && status.st_mode & S_IXGRP &&
				 status.st_gid != ::getegid();
	const bool capabilities =
		::geteuid() != 0 && ::getxattr(path.c_str(), "security.capability", nullptr, 0) > 0;

	if (other_user || other_group || capabilities)
		refuse(path,
		       "gets privileges by being run (setuid, setgid or capabilities), and nothing "
		       "is "
		       "preloaded into such programs",
		       "Run it as the user and group that it belongs to, or run a copy without "
		       "privileges.");
}

void check_elf(const std::string &path, File &file)
{
	const auto header = file.at<Elf64_Ehdr>(0);

	if (header.e_ident[EI_CLASS] == ELFCLASS32)
		refuse(path, "is a 32-bit program, and the library to preload has 64 bits",
		       "Build it for 64 bits.");
	if (header.e_machine != EM_X86_64)
		refuse(path, "is not a program for x86-64", "Build it for x86-64.");
	for (unsigned int i = 0; i < header.e_phnum; i++)
		if (file.at<Elf64_Phdr>(header.e_phoff + i * sizeof(Elf64_Phdr)).p_type ==
		    PT_INTERP)
			return check_privileges(path);
	refuse(path, "is linked statically, and nothing can be preloaded into such programs",
	       "Link it dynamically, or have it open /dev/userfault by itself.");
}

void check_found(const std::string &path, int followed)
{
	File file(path);
	const std::string start = file.start(script_line);

	if (start.starts_with(ELFMAG))
		return check_elf(path, file);

	/* Unless the first line names an interpreter, execvp(3) has the shell run the file. */
	const auto interpreter = start.starts_with("#!") ? interpreter_of(start) : shell;

	if (followed == interpreters_followed)
		refuse(path, "leads from script to script too often", "Run the last interpreter.");
	try {
		if (const int error = error_of_running(interpreter); error == ENOENT)
			not_found(interpreter);
		else if (error)
			refuse(interpreter, std::string("can't be run: ") + std::strerror(error),
			       "Have the script name another interpreter.");
		check_found(interpreter, followed + 1);
	} catch (const Failure &failure) {
		throw Failure(failure.status,
			      path + " is a script, and its interpreter " + failure.what(),
			      failure.remedy);
	}
}

} // namespace

std::string find_program(const std::string &name)
{
	int error = ENOENT;
	std::vector<std::string> candidates;

	if (name.find('/') != name.npos)
		candidates.push_back(name);
	else if (!name.empty())
		for (const auto &folder : search_path())
			candidates.push_back(folder + '/' + name);

	for (const auto &candidate : candidates) {
		const int found = error_of_running(candidate);

		if (!found)
			return candidate;
		if (found != ENOENT && found != ENOTDIR)
			error = found;
	}
	if (error == ENOENT)
		not_found(name);
	refuse(name, std::string("can't be run: ") + std::strerror(error),
	       "Make it an executable file (chmod +x).");
}

void check_program(const std::string &path)
{
	check_found(path, 0);
}

} // namespace redirect
