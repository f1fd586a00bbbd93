package progress

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestNothingIsShownToNobody(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "err"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var b bytes.Buffer
	if report, done := Bar(&b, "title"); report != nil {
		t.Error("a bar is drawn into a buffer")
	} else {
		done()
	}
	Step(file, "title", time.Second)()
	if info, err := file.Stat(); err != nil || info.Size() > 0 || b.Len() > 0 {
		t.Error("something was drawn", err)
	}
}

// The bar moves, and waits before its end however long it takes.
func TestDraw(t *testing.T) {
	var b bytes.Buffer
	report, done := draw(&b, "set-up of x")
	report(time.Second, 2*time.Second)
	report(time.Hour, time.Second)
	report(time.Second, 0)
	done()
	if got := b.String(); !strings.Contains(got, "set-up of x") || !strings.Contains(got, "50%") {
		t.Errorf("drawn: %q", got)
	}
}

func TestStepMovesByItself(t *testing.T) {
	moved, ended := make(chan struct{}, 1), false
	done := drive(func(elapsed, estimate time.Duration) {
		if estimate != time.Minute || elapsed < 0 {
			t.Errorf("told %v of %v", elapsed, estimate)
		}
		select {
		case moved <- struct{}{}:
		default:
		}
	}, func() { ended = true }, time.Minute)
	<-moved
	done()
	if !ended {
		t.Error("the bar was not taken away")
	}
}
