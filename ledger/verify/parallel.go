package verify

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// fewToShare is so few pieces of work, of some 50 µs each, that one processor does them as soon as several.
const fewToShare = 4

// inParallel does pieces of work on all processors, and returns when all are done. It panics where one of them does, on the caller's goroutine: a fault
// stays that of the one request in which it shows.
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
	var fault atomic.Value
	var working sync.WaitGroup
	for range workers {
		working.Go(func() {
			defer func() {
				if p := recover(); p != nil {
					fault.CompareAndSwap(nil, fmt.Errorf("%v\n%s", p, debug.Stack()))
				}
			}()
			for i := int(next.Add(1)) - 1; i < pieces; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	working.Wait()
	if p := fault.Load(); p != nil {
		panic(p)
	}
}
