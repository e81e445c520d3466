package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// init has the kernel read the program page by page from now on. Otherwise it reads around each page that is
// missing, as many as the disk's read-ahead says: in a container of 64 MiB and with a read-ahead of 8 MiB, which
// is common for fast disks, each of these reads takes the place of pages that the next query needs.
func init() {
	if err := readSparsely(); err != nil {
		fmt.Fprintln(os.Stderr, "The program's pages are read with those around them:", err)
	}
}

func readSparsely() error {
	path, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return err
	}
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		return err
	}
	defer maps.Close()
	areas, err := areasOf(maps, path)
	if err != nil {
		return err
	}
	for _, a := range areas {
		if _, _, errno := unix.Syscall(unix.SYS_MADVISE, a.from, a.to-a.from, unix.MADV_RANDOM); errno != 0 {
			return os.NewSyscallError("madvise", errno)
		}
	}
	return nil
}

// area is a part of the process's memory.
type area struct{ from, to uintptr }

// areasOf returns where a file is mapped, of what /proc says in lines of "FROM-TO PERMISSIONS … PATH".
func areasOf(maps io.Reader, path string) (areas []area, err error) {
	lines := bufio.NewScanner(maps)
	for lines.Scan() {
		if !strings.HasSuffix(lines.Text(), " "+path) {
			continue
		}
		var a area
		if _, err := fmt.Sscanf(lines.Text(), "%x-%x ", &a.from, &a.to); err != nil {
			return nil, fmt.Errorf("/proc/self/maps has %q: %w", lines.Text(), err)
		}
		areas = append(areas, a)
	}
	return areas, lines.Err()
}
