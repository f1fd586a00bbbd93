// Package garbage trades memory for time: a log's server keeps little and throws away much, so that Go's own setting, which
// collects whenever the heap has doubled, collects many times a second.
package garbage

import (
	"os"
	"runtime/debug"
)

const (
	// growth is by how much the heap of a server may grow between collections, in percent of what is in use. A busy server has
	// some 50 MiB in use, so it takes 250 MiB.
	growth = 400
	// memory is how many bytes the process has before it collects more often than that. All that may be in use at once, with
	// queue and bodies full, is less.
	memory = 1 << 30
)

// CollectLess sets this process up to serve, and gives back what puts it as it was. What GOGC and GOMEMLIMIT say in the
// environment goes before.
func CollectLess() (restore func()) {
	growthBefore, memoryBefore := -1, int64(-1)
	if _, said := os.LookupEnv("GOGC"); !said {
		growthBefore = debug.SetGCPercent(growth)
	}
	if _, said := os.LookupEnv("GOMEMLIMIT"); !said {
		memoryBefore = debug.SetMemoryLimit(memory)
	}
	return func() {
		if growthBefore >= 0 {
			debug.SetGCPercent(growthBefore)
		}
		if memoryBefore >= 0 {
			debug.SetMemoryLimit(memoryBefore)
		}
	}
}
