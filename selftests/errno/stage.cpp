// SPDX-License-Identifier: GPL-2.0-only
#include "errno/stage.hpp"

#include "harness/harness.hpp"
#include "lib/files.hpp"
#include "lib/huge_pages.hpp"
#include "lib/maps.hpp"
#include "lib/memory.hpp"

#include <algorithm>
#include <fcntl.h>
#include <fstream>
#include <span>
#include <sstream>
#include <sys/mman.h>
#include <unistd.h>

namespace selftests {

using namespace userfault;

namespace {

/* Far from everything else that a process has. */
constexpr std::uint64_t base = 0x2000'0000'0000;
constexpr std::uint64_t stage_pages = 5120;
/* Used as a length: a range of this length at address 0 must not reach the program. */
constexpr std::uint64_t window_pages = 1024;

enum class Kind {
	anonymous,
	shared_anonymous,
	private_file,
	shared_file,
	private_shmem,
	shared_shmem,
	read_only_shmem,
	long_shmem, /* mapped for more pages than it has */
	hugetlb,
	shared_hugetlb,
	hugetlb_file,
};

/*
 * Which context holds an area. With "asynchronous" it is the context if it has WP_ASYNC, without
 * which no context can hold that memory. With "tracking" it is the context if it has RWP, for
 * read-write protection; else no context holds the area.
 */
enum class Holder { nobody, context, asynchronous, tracking, other };

struct Area {
	const char *name;
	std::uint64_t first, pages; /* between the areas there are holes, unless they touch */
	Kind kind;
	int protection;
	Holder holder;
	Modes modes = Modes::Missing;
};

constexpr int read_write = PROT_READ | PROT_WRITE;
constexpr Modes file_modes = Modes::Missing | Modes::Minor;
constexpr Modes all_modes = file_modes | Modes::WriteProtect;
constexpr std::uint64_t filled_page = 12;

constexpr Area areas[] = {
	{"source", 0, 6, Kind::anonymous, read_write, Holder::nobody},
	{"registered", 8, 8, Kind::anonymous, read_write, Holder::context},
	{"unregistered", 24, 2, Kind::anonymous, read_write, Holder::tracking,
	 Modes::ReadWriteProtect},
	{"behind unregistered", 26, 2, Kind::anonymous, read_write, Holder::context},
	{"of another context", 32, 2, Kind::anonymous, read_write, Holder::other},
	{"read-only", 34, 2, Kind::anonymous, PROT_READ, Holder::context},
	{"without access", 36, 2, Kind::anonymous, PROT_NONE, Holder::context},
	{"private file", 40, 2, Kind::private_file, read_write, Holder::nobody},
	{"shared file", 44, 2, Kind::shared_file, read_write, Holder::nobody},
	{"shared shmem", 48, 2, Kind::shared_shmem, read_write, Holder::tracking,
	 Modes::ReadWriteProtect | Modes::Minor},
	{"private shmem", 52, 2, Kind::private_shmem, read_write, Holder::nobody},
	{"read-only shmem", 56, 2, Kind::read_only_shmem, PROT_READ, Holder::nobody},
	{"shared anonymous", 60, 2, Kind::shared_anonymous, read_write, Holder::nobody},
	{"registered shmem", 68, 2, Kind::shared_shmem, read_write, Holder::context, file_modes},
	{"registered private shmem", 72, 2, Kind::private_shmem, read_write, Holder::context,
	 file_modes},
	{"behind the end of shmem", 76, 4, Kind::long_shmem, read_write, Holder::context,
	 file_modes},
	{"protectable", 84, 4, Kind::anonymous, read_write, Holder::context,
	 Modes::Missing | Modes::WriteProtect},
	{"behind protectable", 88, 2, Kind::anonymous, read_write, Holder::context},
	{"asynchronous private file", 92, 2, Kind::private_file, read_write, Holder::asynchronous,
	 Modes::WriteProtect},
	{"asynchronous shared file", 96, 2, Kind::shared_file, read_write, Holder::asynchronous,
	 Modes::WriteProtect},
	{"struct", 64, 1, Kind::anonymous, read_write, Holder::nobody},
	{"hugetlb", 1024, 512, Kind::hugetlb, read_write, Holder::tracking,
	 Modes::ReadWriteProtect},
	{"registered hugetlb", 2048, 512, Kind::hugetlb, read_write, Holder::context, all_modes},
	{"registered shared hugetlb", 3072, 512, Kind::shared_hugetlb, read_write, Holder::context,
	 all_modes},
	{"page of hugetlb", 4096, 512, Kind::hugetlb_file, read_write, Holder::context, all_modes},
};

std::uint64_t page_at(std::uint64_t page)
{
	return base + page * page_size();
}

constexpr std::uint64_t file_pages = 2;

Fd new_shmem()
{
	return Fd(static_cast<int>(checked(::memfd_create("stage", MFD_CLOEXEC))));
}

Fd read_only(const Fd &file)
{
	const auto path = "/proc/self/fd/" + std::to_string(file.get());

	return Fd(static_cast<int>(checked(::open(path.c_str(), O_RDONLY | O_CLOEXEC))));
}

/* One huge page, which is there. */
Fd new_hugetlb()
{
	Fd file = huge_file(huge_page_size / page_size());

	checked(::fallocate(file.get(), 0, 0, huge_page_size));
	return file;
}

/* The file behind an area, or -1. */
int backing(const StageFiles &files, Kind kind)
{
	switch (kind) {
	case Kind::private_file:
	case Kind::shared_file:
		return files.file.get();
	case Kind::private_shmem:
	case Kind::shared_shmem:
	case Kind::long_shmem:
		return files.shmem.get();
	case Kind::read_only_shmem:
		return files.shmem_to_read.get();
	case Kind::hugetlb_file:
		return files.hugetlb.get();
	default:
		return -1;
	}
}

int flags_of(Kind kind)
{
	switch (kind) {
	case Kind::anonymous:
		return MAP_PRIVATE | MAP_ANONYMOUS;
	case Kind::shared_anonymous:
		return MAP_SHARED | MAP_ANONYMOUS;
	case Kind::private_file:
	case Kind::private_shmem:
		return MAP_PRIVATE;
	case Kind::hugetlb:
		return MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB;
	case Kind::shared_hugetlb:
		return MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB;
	default:
		return MAP_SHARED;
	}
}

bool is_hugetlb(const Area &area)
{
	return area.kind == Kind::hugetlb || area.kind == Kind::shared_hugetlb ||
	       area.kind == Kind::hugetlb_file;
}

void map_area(const Area &area, const StageFiles &files)
{
	void *wanted = reinterpret_cast<void *>(page_at(area.first));
	void *mapped =
		::mmap(wanted, area.pages * page_size(), area.protection,
		       flags_of(area.kind) | MAP_FIXED_NOREPLACE, backing(files, area.kind), 0);

	if (mapped != wanted)
		give_up(std::string("mmap of ") + area.name);
}

/* With SIGBUS: else a copy from a missing page would wait for ever. */
Context context_of(Backend backend, Features features)
{
	Options options;

	options.device = device_of(backend);
	options.nonblocking = true;
	options.required = Features::Sigbus | features;
	return take(Context::open(options)).context;
}

std::span<std::byte> page_bytes(std::uint64_t page)
{
	return {reinterpret_cast<std::byte *>(page_at(page)), page_size()};
}

template <class Predicate>
bool any_area_in(std::uint64_t start, std::uint64_t length, Predicate predicate)
{
	return std::any_of(std::begin(areas), std::end(areas), [&](const Area &area) {
		const auto first = page_at(area.first), end = page_at(area.first + area.pages);
		const bool inside = start < end && (first <= start || first - start < length);
		return inside && predicate(area);
	});
}

std::vector<Value> make_starts()
{
	const auto page = page_size();
	std::vector<Value> starts;

	for (const auto &area : areas)
		starts.push_back({area.name, page_at(area.first)});
	const std::vector<Value> edges = {
		{"registered + 1", page_at(8) + 1},
		{"registered + 8", page_at(8) + 8},
		{"registered - page", page_at(7)},
		{"third registered page", page_at(10)},
		{"filled", page_at(filled_page)},
		{"last registered page", page_at(15)},
		{"end of registered", page_at(16)},
		{"hole", page_at(20)},
		{"last of source", page_at(5)},
		{"source + 1", page_at(0) + 1},
		{"source + page - 1", page_at(1) - 1},
		{"second hugetlb page", page_at(1025)},
		{"page of shmem", page_at(69)},
		{"page of private shmem", page_at(73)},
		{"page of long shmem", page_at(77)},
		{"no page of shmem", page_at(78)},
		{"0", 0},
		{"2^47 - 2 pages", (1ull << 47) - 2 * page},
		{"2^47 - page", (1ull << 47) - page},
		{"2^47", 1ull << 47},
		{"2^56 - 2 pages", (1ull << 56) - 2 * page},
		{"2^56 - page", (1ull << 56) - page},
		{"2^56", 1ull << 56},
		{"2^63", 1ull << 63},
		{"kernel", 0xffff'8880'0000'0000},
		{"-page", -page},
		{"-1", ~0ull},
	};
	starts.insert(starts.end(), edges.begin(), edges.end());
	return starts;
}

} // namespace

StageFiles::StageFiles(const Setting &setting)
	: file(ordinary_file(file_pages)), shmem(new_shmem()), shmem_to_read(read_only(shmem)),
	  hugetlb(setting.hugetlb ? new_hugetlb() : Fd())
{
}

void StageFiles::make_empty() const
{
	for (const auto fd : {file.get(), shmem.get()}) {
		checked(::ftruncate(fd, 0));
		checked(::ftruncate(fd, static_cast<off_t>(file_pages * page_size())));
	}
}

Stage::Stage(Backend backend, const Setting &setting, const StageFiles &files)
	: context_(context_of(backend, setting.features)),
	  other_(context_of(backend, setting.features))
{
	const bool asynchronous = (setting.features & Features::WpAsync) != Features::None;
	const bool tracking = (setting.features & Features::Rwp) != Features::None;

	files.make_empty();
	for (const auto &area : areas) {
		const Range range{page_at(area.first), area.pages * page_size()};
		if (is_hugetlb(area) && !setting.hugetlb)
			continue;
		map_area(area, files);
		if (area.holder == Holder::context ||
		    (area.holder == Holder::asynchronous && asynchronous) ||
		    (area.holder == Holder::tracking && tracking))
			take(context_.register_range(range, area.modes));
		if (area.holder == Holder::other)
			take(other_.register_range(range, Modes::Missing));
	}
	for (std::uint64_t page = 0; page < areas[0].pages; page++)
		write_pattern(page_bytes(page), page);
	if (!context_.copy(page_at(filled_page), page_bytes(0)))
		give_up("the filled page could not be filled");
	if (tracking)
		write_pattern({reinterpret_cast<std::byte *>(at("unregistered")), page_size()}, 1);
	/* The file has this page, but no page table does. */
	checked(::pwrite(files.shmem.get(), page_bytes(1).data(), page_size(),
			 static_cast<off_t>(page_size())));
}

Stage::~Stage()
{
	::munmap(reinterpret_cast<void *>(base), stage_pages * page_size());
}

std::uint64_t Stage::at(const std::string &name)
{
	for (const auto &start : starts())
		if (start.name == name)
			return start.number;
	give_up("the stage has nothing with the name " + name);
}

const std::vector<Value> &Stage::starts()
{
	static const auto starts = make_starts();

	return starts;
}

std::vector<Range> Stage::ranges()
{
	std::vector<Range> ranges;

	for (const auto &area : areas)
		ranges.push_back({page_at(area.first), area.pages * page_size()});
	std::ranges::sort(ranges, {}, &Range::start);
	return ranges;
}

std::vector<Value> Stage::lengths(std::uint64_t start)
{
	const auto page = page_size();

	return {
		{"0", 0},
		{"1", 1},
		{"page - 1", page - 1},
		{"page", page},
		{"page + 1", page + 1},
		{"2 pages", 2 * page},
		{"3 pages", 3 * page},
		{"8 pages", 8 * page},
		{"9 pages", 9 * page},
		{"64 pages", 64 * page},
		{"512 pages", 512 * page},
		{"1024 pages", window_pages * page},
		{"2^47", 1ull << 47},
		{"2^63", 1ull << 63},
		{"-start - page", -start - page},
		{"-start", -start},
		{"-start + page", -start + page},
		{"-page", -page},
		{"-1", ~0ull},
	};
}

std::uint64_t Stage::length_of_page(std::uint64_t start)
{
	return any_area_in(start, 1, is_hugetlb) ? huge_page_size : page_size();
}

bool Stage::has_other_context(std::uint64_t start, std::uint64_t length)
{
	return any_area_in(start, length,
			   [](const Area &area) { return area.holder == Holder::other; });
}

std::string Stage::state() const
{
	std::ostringstream text;

	for (const auto &mapping : describe_mappings({base, stage_pages * page_size()}))
		text << mapping << '\n';
	return text.str();
}

} // namespace selftests
