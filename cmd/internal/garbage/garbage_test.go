package garbage

import (
	"math"
	"os"
	"runtime/debug"
	"testing"
)

func TestCollectLess(t *testing.T) {
	for name, c := range map[string]struct {
		env    map[string]string
		growth int
		memory int64
	}{
		"by default":         {nil, growth, memory},
		"GOGC goes before":   {map[string]string{"GOGC": "77"}, 77, memory},
		"GOMEMLIMIT as well": {map[string]string{"GOMEMLIMIT": "99MiB"}, growth, 99 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			for _, name := range []string{"GOGC", "GOMEMLIMIT"} {
				t.Setenv(name, "") // so that it is put back
				if err := os.Unsetenv(name); err != nil {
					t.Fatal(err)
				}
			}
			for name, value := range c.env {
				t.Setenv(name, value)
			}
			// What the runtime takes from the environment when a process starts.
			defer debug.SetGCPercent(debug.SetGCPercent(77))
			defer debug.SetMemoryLimit(debug.SetMemoryLimit(99 << 20))
			restore := CollectLess()
			if percent, limit := settings(); percent != c.growth || limit != c.memory {
				t.Errorf("the heap grows by %d %% and the process to %d bytes, want %d %% and %d", percent, limit, c.growth, c.memory)
			}
			restore()
			if percent, limit := settings(); percent != 77 || limit != 99<<20 {
				t.Errorf("afterwards it is %d %% and %d bytes", percent, limit)
			}
		})
	}
}

// settings are the runtime's. A negative limit only asks.
func settings() (percent int, limit int64) {
	percent = debug.SetGCPercent(100)
	debug.SetGCPercent(percent)
	return percent, debug.SetMemoryLimit(math.MinInt64)
}
