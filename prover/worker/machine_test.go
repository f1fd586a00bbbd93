package worker

import (
	"os"
	"path/filepath"
	"testing"
)

func TestMachineMemory(t *testing.T) {
	const gib = 1 << 30
	for name, tc := range map[string]struct {
		files map[string]string
		want  int64 // 0: an error
	}{
		"a machine":                 {map[string]string{"proc/meminfo": "MemFree: 1 kB\nMemTotal:       4194304 kB\n"}, 3 * gib},
		"no limit":                  {map[string]string{"proc/meminfo": "MemTotal: 4194304 kB\n", "sys/fs/cgroup/memory.max": "max\n"}, 3 * gib},
		"a container":               {map[string]string{"proc/meminfo": "MemTotal: 4194304 kB\n", "sys/fs/cgroup/memory.max": "1073741824\n"}, gib / 4 * 3},
		"a container of version 1":  {map[string]string{"proc/meminfo": "MemTotal: 4194304 kB\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "1073741824\n"}, gib / 4 * 3},
		"no limit, as version 1":    {map[string]string{"proc/meminfo": "MemTotal: 4194304 kB\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, 3 * gib},
		"a service":                 {map[string]string{"proc/meminfo": "MemTotal: 4194304 kB\n", "proc/self/cgroup": "0::/system.slice/prover.service\n", "sys/fs/cgroup/system.slice/prover.service/memory.max": "2147483648\n"}, gib / 2 * 3},
		"a slice above the service": {map[string]string{"proc/meminfo": "MemTotal: 4194304 kB\n", "proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/memory.max": "max", "sys/fs/cgroup/a/memory.max": "2147483648\n"}, gib / 2 * 3},
		"a service of version 1":    {map[string]string{"proc/meminfo": "MemTotal: 4194304 kB\n", "proc/self/cgroup": "7:cpu,memory:/x\nnonsense\n1:name=systemd:/\n", "sys/fs/cgroup/memory/x/memory.limit_in_bytes": "2147483648\n"}, gib / 2 * 3},
		"nothing":                   {nil, 0},
		"nonsense":                  {map[string]string{"proc/meminfo": "MemTotal: many kB\n"}, 0},
	} {
		root := t.TempDir()
		for file, text := range tc.files {
			path := filepath.Join(root, file)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := machineMemory(root)
		if got != tc.want || (err == nil) != (tc.want > 0) {
			t.Errorf("%s: %d, %v, want %d", name, got, err, tc.want)
		}
	}
	if n, err := MachineMemory(); err != nil || n < 64<<20 {
		t.Errorf("this machine has %d bytes, %v", n, err)
	}
}
