package worker

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// MachineMemory is how many bytes a worker may take where nobody says: three quarters of what the machine has, or of what its control group
// allows, where that is less.
func MachineMemory() (int64, error) { return machineMemory("/") }

func machineMemory(root string) (int64, error) {
	b, err := os.ReadFile(filepath.Join(root, "proc/meminfo"))
	if err != nil {
		return 0, fmt.Errorf("couldn't find out how much memory there is: %w", err)
	}
	total, err := memTotal(b)
	if err != nil {
		return 0, err
	}
	for _, file := range groupLimits(root) {
		if b, err := os.ReadFile(file); err == nil {
			if limit, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64); err == nil && limit > 0 { // else "max"
				total = min(total, limit)
			}
		}
	}
	return total / 4 * 3, nil
}

func memTotal(meminfo []byte) (int64, error) {
	for s := bufio.NewScanner(bytes.NewReader(meminfo)); s.Scan(); {
		if f := strings.Fields(s.Text()); len(f) == 3 && f[0] == "MemTotal:" && f[2] == "kB" {
			n, err := strconv.ParseInt(f[1], 10, 64)
			if err == nil && n > 0 && n < 1<<50 {
				return n << 10, nil
			}
		}
	}
	return 0, errors.New("couldn't find out how much memory there is: /proc/meminfo doesn't say")
}

// groupLimits are the files that say what the process's control group, and those above it, may take: of version 2, and of version 1.
func groupLimits(root string) (files []string) {
	const v2, v1 = "sys/fs/cgroup", "sys/fs/cgroup/memory"
	files = []string{filepath.Join(root, v2, "memory.max"), filepath.Join(root, v1, "memory.limit_in_bytes")}
	b, err := os.ReadFile(filepath.Join(root, "proc/self/cgroup"))
	if err != nil {
		return files
	}
	for line := range strings.Lines(string(b)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		dir, file := "", ""
		switch {
		case parts[0] == "0" && parts[1] == "":
			dir, file = v2, "memory.max"
		case strings.Contains(","+parts[1]+",", ",memory,"):
			dir, file = v1, "memory.limit_in_bytes"
		default:
			continue
		}
		for path := filepath.Clean("/" + parts[2]); path != "/"; path = filepath.Dir(path) {
			files = append(files, filepath.Join(root, dir, path, file))
		}
	}
	return files
}
