// SPDX-License-Identifier: GPL-2.0-only
/*
 * Filling shmem, where it differs from private anonymous memory: what other mappings see of the
 * file, its size, what it pays for, holes. The rest is in copy_test.cpp, zeropage_test.cpp and
 * fault_test.cpp.
 */
#include "lib/files.hpp"
#include "lib/maps.hpp"
#include "lib/memory_kinds.hpp"
#include "lib/process.hpp"
#include "lib/thp.hpp"
#include "lib/world.hpp"

#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <vector>

using namespace selftests;
using namespace userfault;

namespace {

/*
 * The error for filling past the end of a shared file: native userfaultfd answers ENOMEM since
 * Linux 7.2.
 */
int past_the_end()
{
	return backend_under_test() == Backend::native && !native_before(7, 2) ? ENOMEM : EFAULT;
}

/* A file, registered memory that is a mapping of it, and another mapping that isn't registered. */
struct FileWorld {
	explicit FileWorld(std::size_t pages, int sharing = MAP_SHARED)
		: FileWorld(pages, shmem_file(pages), sharing)
	{
	}

	FileWorld(std::size_t pages, Fd its_file, int sharing = MAP_SHARED)
		: file(std::move(its_file)), other(pages, file, MAP_SHARED),
		  world(Memory(pages, file, sharing), Modes::Missing)
	{
	}

	Progress copy(std::size_t first, const Memory &source, std::size_t count) const
	{
		return world.context.copy(world.memory.address(first), source.bytes(0, count));
	}

	/* What the file has there, without a mapping. */
	std::vector<std::byte> read(std::size_t index) const
	{
		std::vector<std::byte> page(page_size());

		if (::pread(file.get(), page.data(), page.size(),
			    static_cast<off_t>(index * page_size())) < 0)
			give_up("pread");
		return page;
	}

	/* How many pages the file pays for. */
	std::size_t pages_paid() const
	{
		struct stat status;

		checked(::fstat(file.get(), &status));
		return static_cast<std::size_t>(status.st_blocks) * 512 / page_size();
	}

	void resize(std::size_t pages) const
	{
		checked(::ftruncate(file.get(), static_cast<off_t>(pages * page_size())));
	}

	Fd file;
	Memory other;
	World world;
};

/* A page is whole if it has all of the pattern, or nothing of it. */
bool is_whole(std::span<const std::byte> page, std::uint64_t seed)
{
	return is_zero(page) || has_pattern(page, seed);
}

} // namespace

TEST_CASE("a page copied into a shared file is seen by all its mappings", "[shmem]")
{
	const FileWorld file(3);

	file.world.fill(1);
	CHECK(has_pattern(file.read(1), 1));
	CHECK(has_pattern(file.other.bytes(1, 1), 1));
	file.other.word(1) = 5;
	CHECK(file.world.memory.word(1) == 5);
	file.world.memory.word(1) = 6;
	CHECK(file.other.word(1) == 6);
	CHECK(is_zero(file.read(0)));
	CHECK(file.pages_paid() == 1);
}

TEST_CASE("a page copied into a private mapping is seen by no other mapping", "[shmem]")
{
	const FileWorld file(2, MAP_PRIVATE);

	file.world.fill(0);
	CHECK(has_pattern(file.world.memory.bytes(0, 1), 0));
	CHECK(is_zero(file.read(0)));
	CHECK(file.pages_paid() == 0);
	CHECK_FALSE(pagemap_entry(file.world.memory.address(0)) & pagemap_file_or_shared);
	/* It doesn't matter what the file has: only the page table counts. */
	write_pattern(file.other.bytes(1, 1), 9);
	REQUIRE(file.world.context.zeropage(file.world.memory.range(1, 1)));
	CHECK(is_zero(file.world.memory.bytes(1, 1)));
	CHECK(has_pattern(file.other.bytes(1, 1), 9));
}

TEST_CASE("a page zeroed in a shared file is a page of the file", "[shmem]")
{
	const FileWorld file(2);

	REQUIRE(file.world.context.zeropage(file.world.memory.range()));
	CHECK(file.pages_paid() == 2);
	file.world.memory.word(1) = 4;
	CHECK(file.other.word(1) == 4);
	CHECK(is_zero(file.world.memory.bytes(0, 1)));
}

TEST_CASE("a page that another mapping got is not reported and not replaced", "[shmem]")
{
	const FileWorld file(4);
	const auto source = patterned(4, 50);

	write_pattern(file.other.bytes(2, 1), 7);
	const auto progress = file.copy(0, source, 4);
	CHECK(progress.done == 2 * page_size());
	CHECK(progress.error.value() == EAGAIN);
	CHECK(file.copy(2, source, 1).error.value() == EEXIST);
	CHECK(file.world.context.zeropage(file.world.memory.range(2, 1)).error.value() == EEXIST);
	CHECK(has_pattern(file.world.memory.bytes(2, 1), 7));
	CHECK(fdinfo(file.world.context.fd()).total == 0);
	CHECK(file.pages_paid() == 3);
}

TEST_CASE("a page that the file has only reserved is there", "[shmem]")
{
	const FileWorld file(2);
	const auto source = patterned(1);

	checked(::fallocate(file.file.get(), 0, 0, static_cast<off_t>(page_size())));
	CHECK(file.copy(0, source, 1).error.value() == EEXIST);
	CHECK(is_zero(file.world.memory.bytes(0, 1)));
	CHECK(file.pages_paid() == 1);
}

TEST_CASE("a page that could not be copied is not paid for", "[shmem]")
{
	const FileWorld file(8);
	auto source = patterned(8);

	source.unmap(3, 5);
	CHECK(file.copy(0, source, 8).done == 3 * page_size());
	CHECK(file.pages_paid() == 3);
	CHECK(file.world.context.copy(file.world.memory.address(4), source.bytes(4, 1))
		      .error.value() == EFAULT);
	CHECK(file.pages_paid() == 3);
	CHECK(file.copy(0, source, 1).error.value() == EEXIST);
	CHECK(file.pages_paid() == 3);
}

TEST_CASE("a full file system is ENOMEM and every page of it can be used", "[shmem]")
{
	const std::size_t room = 100;
	const FileWorld file(256,
			     tmpfs_file(256, "size", std::to_string(room * page_size()).c_str()));
	const auto source = patterned(256);
	struct statvfs status;

	const auto progress = file.copy(0, source, 256);
	CHECK(progress.done == room * page_size());
	CHECK(progress.error.value() == EAGAIN);
	CHECK(file.copy(200, source, 1).error.value() == ENOMEM);
	CHECK(file.world.context.zeropage(file.world.memory.range(200, 56)).error.value() ==
	      ENOMEM);
	CHECK(file.pages_paid() == room);
	checked(::fstatvfs(file.file.get(), &status));
	CHECK(status.f_bfree == 0);

	file.world.memory.drop(10, 30);
	CHECK(file.world.context.zeropage(file.world.memory.range(200, 56)).done ==
	      30 * page_size());
	CHECK(file.pages_paid() == room);
	file.world.memory.drop(0, 256);
	CHECK(file.pages_paid() == 0);
	checked(::fstatvfs(file.file.get(), &status));
	CHECK(status.f_bfree == room);
}

TEMPLATE_TEST_CASE("a copy past the end of the file is EFAULT", "[shmem]", SharedFile, PrivateFile)
{
	const int error = TestType::kind == MemoryKind::shared_file ? past_the_end() : EFAULT;
	const auto sharing = TestType::kind == MemoryKind::shared_file ? MAP_SHARED : MAP_PRIVATE;
	const FileWorld file(8, sharing);
	const auto source = patterned(8);

	checked(::ftruncate(file.file.get(), static_cast<off_t>(2 * page_size() + 1)));
	CHECK(file.copy(3, source, 1).error.value() == error);
	CHECK(file.world.context.zeropage(file.world.memory.range(3, 1)).error.value() == error);
	const auto progress = file.copy(0, source, 8);
	CHECK(progress.done == 3 * page_size());
	CHECK(progress.error.value() == EAGAIN);
	CHECK_FALSE(is_there(file.world.memory, 3));
	CHECK(file.pages_paid() == (sharing == MAP_SHARED ? 3 : 0));
	file.resize(8);
	CHECK(file.copy(4, source, 4));
}

TEMPLATE_TEST_CASE("a fault past the end of the file is a SIGBUS and not reported", "[shmem]",
		   SharedFile, PrivateFile)
{
	const Fd file = shmem_file(1);
	const World world(
		Memory(2, file,
		       TestType::kind == MemoryKind::private_file ? MAP_PRIVATE : MAP_SHARED),
		Modes::Missing);
	Process reader([&] { return static_cast<int>(world.memory.word(1)); });

	CHECK(reader.wait() == Process::killed + SIGBUS);
	CHECK(fdinfo(world.context.fd()).total == 0);
}

TEST_CASE("a waiter whose page is cut off the file gets SIGBUS when it is woken", "[shmem]")
{
	const FileWorld file(2);
	struct sigaction action = {};
	static std::atomic<bool> bus;

	action.sa_handler = [](int) {
		bus = true;
		::pthread_exit(nullptr);
	};
	checked(::sigaction(SIGBUS, &action, nullptr));
	pthread_t thread;
	REQUIRE(::pthread_create(
			&thread, nullptr,
			[](void *word) -> void * {
				static_cast<void>(*static_cast<volatile std::uint64_t *>(word));
				return nullptr;
			},
			file.world.memory.page(1)) == 0);
	wait_for_waiters(file.world.context, 1);
	file.resize(1);
	take(file.world.context.wake(file.world.memory.range(1, 1)));
	::pthread_join(thread, nullptr);
	CHECK(bus);
}

SHMEM_TEST_CASE("a page that was punched out is reported again", "[shmem]")
{
	const World world(3, TestType::kind);

	for (unsigned round = 0; round < 3; round++) {
		auto reader = in_thread([&] { return world.memory.word(1); });
		CHECK(next_fault(world.context).address == world.memory.address(1));
		world.fill(1);
		CHECK(reader.get() == pattern_word(1));
		world.memory.drop(0, 3);
	}
}

TEST_CASE("a mapping made before the file was sealed can be filled and a later one not registered",
	  "[shmem]")
{
	const FileWorld file(2);

	checked(::fcntl(file.file.get(), F_ADD_SEALS, F_SEAL_FUTURE_WRITE | F_SEAL_GROW));
	file.world.fill(0);
	CHECK(has_pattern(file.other.bytes(0, 1), 0));

	void *late = ::mmap(nullptr, page_size(), PROT_READ, MAP_SHARED, file.file.get(), 0);
	REQUIRE(late != MAP_FAILED);
	const auto result = file.world.context.register_range(
		{reinterpret_cast<Address>(late), page_size()}, Modes::Missing);
	CHECK((result ? 0 : result.error().value()) == EPERM);
}

TEST_CASE("a huge page of shmem counts as pages that are there", "[shmem]")
{
	need_transparent_huge_pages();
	const auto file = tmpfs_file(page_table, "huge", "always");
	const auto memory = Memory::aligned(page_table, huge_page, file, MAP_SHARED);
	const auto source = patterned(1, 7);

	write_pattern(memory.bytes(0, page_table), 0);
	if (smaps_bytes(memory.range(), "ShmemPmdMapped") != huge_page)
		skip("no huge page was available");
	const auto context = open_context();
	take(context.register_range(memory.range(), Modes::Missing | Modes::Minor));
	for (const std::size_t i : {0uz, 1uz, page_table - 1}) {
		CHECK(context.copy(memory.address(i), source.bytes(0, 1)).error.value() == EEXIST);
		CHECK(context.zeropage(memory.range(i, 1)).error.value() == EEXIST);
		CHECK(context.resume(memory.range(i, 1)).error.value() == EEXIST);
	}
	CHECK(smaps_bytes(memory.range(), "ShmemPmdMapped") == huge_page);
	CHECK(has_pattern(memory.bytes(0, page_table), 0));
	/* In the file, but not in this page table. */
	checked(::madvise(memory.page(0), huge_page, MADV_DONTNEED));
	CHECK(context.copy(memory.address(0), source.bytes(0, 1)).error.value() == EEXIST);
	CHECK(context.copy(memory.address(9), source.bytes(0, 1)).error.value() == EEXIST);
}

TEST_CASE("a file with huge pages is filled by small ones", "[shmem]")
{
	need_transparent_huge_pages();
	const auto file = tmpfs_file(page_table, "huge", "always");
	const World world(Memory::aligned(page_table, huge_page, file, MAP_SHARED), Modes::Missing);
	const auto source = patterned(page_table);

	/*
	 * Else khugepaged may make a huge page of the first pages; on 6.1 it does so in spite of
	 * holes.
	 */
	keep_small(world.memory);
	const auto progress =
		world.context.copy(world.memory.address(0), source.bytes(0, page_table));
	CHECK(progress.error.value() == 0);
	CHECK(progress.done == huge_page);
	CHECK(count_patterned(world.memory) == page_table);
	CHECK(smaps_bytes(world.memory.range(), "Rss") == huge_page);
}

TEST_CASE("nobody sees half a page while a file is filled", "[shmem]")
{
	const std::size_t pages = 256;
	const FileWorld file(pages);
	const auto source = patterned(pages);
	std::atomic<bool> done = false;
	std::vector<std::future<bool>> readers;

	for (unsigned n = 0; n < 2; n++)
		readers.push_back(in_thread([&] {
			bool whole = true;
			while (!done)
				for (std::size_t i = 0; i < pages; i++)
					whole = whole && is_whole(file.read(i), i);
			return whole;
		}));
	for (unsigned round = 0; round < 5; round++) {
		REQUIRE(file.copy(0, source, pages));
		file.world.memory.drop(0, pages);
	}
	done = true;
	for (auto &reader : readers)
		CHECK(reader.get());
	CHECK(file.pages_paid() == 0);
}

TEST_CASE("neither a copy nor a write by another mapping is lost", "[shmem]")
{
	const std::size_t pages = 512;
	const std::uint64_t mark = 0x1234567;
	const FileWorld file(pages);
	const auto source = patterned(pages);
	std::atomic<std::size_t> next = 0;
	auto writer = in_thread([&] {
		for (std::size_t i = 0; i < pages; i++) {
			while (next < i)
				std::this_thread::yield();
			*(&file.other.word(i) + 1) = mark;
		}
	});

	std::vector<bool> copied(pages);
	for (std::size_t i = 0; i < pages; i++) {
		next = i;
		const auto progress =
			file.world.context.copy(file.world.memory.address(i), source.bytes(i, 1));
		copied[i] = !progress.error;
		if (progress.error && progress.error.value() != EEXIST)
			give_up(progress.error.message());
	}
	writer.get();
	for (std::size_t i = 0; i < pages; i++) {
		const bool right = *(&file.other.word(i) + 1) == mark &&
				   file.other.word(i) == (copied[i] ? pattern_word(i) : 0);
		if (!right)
			give_up("page " + std::to_string(i) + " has lost something");
	}
	CHECK(file.pages_paid() == pages);
}

namespace {

/* Threads that copy parts of a pattern to the file's memory as long as this lives. */
class Fillers {
public:
	explicit Fillers(const FileWorld &file)
		: file_(file), source_(patterned(file.world.memory.pages()))
	{
		for (auto &thread : threads_)
			thread = in_thread([this] { fill(); });
		wait_until("something was copied", [this] { return filled_.load(); });
	}

	~Fillers()
	{
		done_ = true;
		for (auto &thread : threads_)
			thread.get();
	}

private:
	void fill()
	{
		const auto pages = source_.pages();

		for (std::size_t n = 0; !done_; n++) {
			const auto first = n * 37 % pages;
			const auto count = std::min(pages - first, n * 11 % 40 + 1);
			const auto error = file_.world.context
						   .copy(file_.world.memory.address(first),
							 source_.bytes(first, count))
						   .error;
			filled_ = filled_ || !error;
			if (error && error.value() != EEXIST && error.value() != EAGAIN &&
			    error.value() != EFAULT && error.value() != past_the_end())
				give_up(error.message());
		}
	}

	const FileWorld &file_;
	const Memory source_;
	std::atomic<bool> done_ = false, filled_ = false;
	std::array<std::future<void>, 2> threads_;
};

} // namespace

TEST_CASE("holes are punched while pages are filled and read", "[shmem][smp]")
{
	const std::size_t pages = 300;
	const FileWorld file(pages);
	std::atomic<bool> done = false;
	auto reader = in_thread([&] {
		bool whole = true;
		do
			for (std::size_t i = 0; i < pages; i++)
				whole = whole && is_whole(file.read(i), i);
		while (!done);
		return whole;
	});

	{
		const Fillers fillers(file);

		for (std::size_t n = 0; n < repeated(120); n++) {
			const auto start = n * 53 % pages;
			const auto count = std::min(pages - start, n * 7 % 64 + 1);
			if (n % 2)
				file.world.memory.drop(start, count);
			else
				checked(::fallocate(file.file.get(),
						    FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
						    static_cast<off_t>(start * page_size()),
						    static_cast<off_t>(count * page_size())));
		}
	}
	done = true;
	CHECK(reader.get());
	file.world.memory.drop(0, pages);
	CHECK(file.pages_paid() == 0);
	CHECK(smaps_bytes(file.world.memory.range(), "Rss") == 0);
}

TEST_CASE("the file shrinks and grows while pages are filled", "[shmem]")
{
	const std::size_t pages = 300;
	const FileWorld file(pages);
	const auto source = patterned(pages);

	{
		const Fillers fillers(file);

		for (std::size_t n = 0; n < repeated(300); n++)
			file.resize(n * 59 % pages);
	}
	file.resize(0);
	CHECK(file.pages_paid() == 0);
	CHECK(smaps_bytes(file.world.memory.range(), "Rss") == 0);
	file.resize(pages);
	CHECK(file.copy(0, source, pages));
	CHECK(count_patterned(file.world.memory) == pages);
}
