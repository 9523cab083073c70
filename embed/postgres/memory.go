package postgres

import (
	"bufio"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// unknownMemory is assumed where the system does not say.
const unknownMemory = 1 << 30

// cgroupMemory is the smallest memory limit of the control groups this process
// is in, those above included; 0 when there is none. fsys is the root of the
// file system. Both versions of control groups may be in use at once.
func cgroupMemory(fsys fs.FS) int64 {
	list, err := fs.ReadFile(fsys, "proc/self/cgroup")
	if err != nil {
		return 0
	}
	smallest := int64(0)
	for line := range strings.Lines(string(list)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) != 3 {
			continue
		}
		mount, file := "", ""
		switch controllers := strings.Split(fields[1], ","); {
		case fields[0] == "0" && fields[1] == "":
			mount, file = "sys/fs/cgroup", "memory.max"
		case len(controllers) == 1 && controllers[0] == "memory":
			mount, file = "sys/fs/cgroup/memory", "memory.limit_in_bytes"
		default:
			continue
		}
		// Inside a container the path may be that of the host, which is not there;
		// the walk up ends at the container's own group.
		for group := path.Join("/", fields[2]); ; group = path.Dir(group) {
			limit := readLimit(fsys, path.Join(mount, group, file))
			if limit > 0 && (smallest == 0 || limit < smallest) {
				smallest = limit
			}
			if group == "/" {
				break
			}
		}
	}
	return smallest
}

// readLimit reads a number of bytes; 0 stands for "max" and for no such file.
func readLimit(fsys fs.FS, name string) int64 {
	text, err := fs.ReadFile(fsys, name)
	if err != nil {
		return 0
	}
	limit, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil || limit <= 0 {
		return 0
	}
	return limit
}

// totalMemory reads the machine's memory from /proc/meminfo below fsys; 0 when
// it cannot.
func totalMemory(fsys fs.FS) int64 {
	f, err := fsys.Open("proc/meminfo")
	if err != nil {
		return 0
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) >= 2 && fields[0] == "MemTotal:" {
			kib, err := strconv.ParseInt(fields[1], 10, 64)
			if err != nil {
				return 0
			}
			return kib << 10
		}
	}
	return 0
}
