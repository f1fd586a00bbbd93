package verify

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
)

func TestInParallel(t *testing.T) {
	for _, pieces := range []int{0, 1, fewToShare - 1, fewToShare, 1000} {
		done := make([]atomic.Int32, pieces)
		inParallel(pieces, func(i int) { done[i].Add(1) })
		for i := range done {
			if n := done[i].Load(); n != 1 {
				t.Errorf("of %d pieces, piece %d was done %d times", pieces, i, n)
			}
		}
	}
}

// TestInParallelPanics has a fault reach whoever asked for the work, and not the whole program.
func TestInParallelPanics(t *testing.T) {
	for _, pieces := range []int{1, 1000} {
		func() {
			defer func() {
				if p := recover(); p == nil || !strings.Contains(fmt.Sprint(p), "a fault") {
					t.Errorf("of %d pieces: recovered %v", pieces, p)
				}
			}()
			inParallel(pieces, func(i int) {
				if i == pieces/2 {
					panic("a fault")
				}
			})
		}()
	}
}
