package verify

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// fewToShare is so few pieces of work, of some 50 µs each, that one processor does them as soon as several.
const fewToShare = 4

// inParallel does pieces of work on all processors, and returns when all are done.
func inParallel(pieces int, do func(i int)) {
	workers := min(pieces, runtime.GOMAXPROCS(0))
	if pieces < fewToShare {
		workers = 1
	}
	if workers <= 1 {
		for i := range pieces {
			do(i)
		}
		return
	}
	var next atomic.Int64
	var working sync.WaitGroup
	for range workers {
		working.Go(func() {
			for i := int(next.Add(1)) - 1; i < pieces; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	working.Wait()
}
