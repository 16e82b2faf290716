# SPDX-License-Identifier: GPL-2.0-only
"""Writes cpio archives as the kernel unpacks them for an initramfs ("newc")."""

import os
import shutil
import stat

TRAILER = "TRAILER!!!"


class Archive:
    """An archive being written to a binary file.

    Paths are those of the guest, absolute; folders above them are made.
    """

    def __init__(self, file):
        self._file = file
        self._inode = 0
        self._known = {"/"}

    def add_folder(self, path):
        self._make_parents(path)
        if path not in self._known:
            self._entry(path, stat.S_IFDIR | 0o755)
            self._known.add(path)

    def add_file(self, path, data, executable=False):
        self._make_parents(path)
        self._entry(path, stat.S_IFREG | (0o755 if executable else 0o644), data)

    def add_link(self, path, target):
        self._make_parents(path)
        self._entry(path, stat.S_IFLNK | 0o777, target.encode())

    def add_host_file(self, path, host_path):
        with open(host_path, "rb") as file:
            self._make_parents(path)
            mode = 0o755 if os.access(host_path, os.X_OK) else 0o644
            self._header(path, stat.S_IFREG | mode, os.fstat(file.fileno()).st_size)
            shutil.copyfileobj(file, self._file)
            self._pad()

    def close(self):
        self._entry(TRAILER, 0)

    def _make_parents(self, path):
        parent = os.path.dirname(path)
        if parent not in self._known:
            self.add_folder(parent)

    def _entry(self, path, mode, data=b""):
        self._header(path, mode, len(data))
        self._file.write(data)
        self._pad()

    def _header(self, path, mode, size):
        self._inode += 1
        name = path.lstrip("/").encode() + b"\0"
        links, nothing = 1, 0
        fields = (self._inode, mode, nothing, nothing, links, nothing, size, nothing,
                  nothing, nothing, nothing, len(name), nothing)
        self._file.write(b"070701" + b"".join(b"%08X" % field for field in fields) + name)
        self._pad()

    def _pad(self):
        self._file.write(b"\0" * (-self._file.tell() % 4))
