//go:build heavy

package browser

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/attestlog/attestlog/migrations/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// repository is where this package lies in it, seen from here.
const repository = "../.."

// chromium is a browser that does jobs, several at a time.
type chromium struct {
	t     testing.TB
	write sync.Mutex
	in    io.WriteCloser

	mu      sync.Mutex
	next    int
	waiting map[int]chan answer
	ended   error
}

type answer struct {
	ID     int             `json:"id"`
	Result json.RawMessage `json:"result"`
	Error  string          `json:"error"`
}

// startChromium starts a browser that ends with the test.
func startChromium(t testing.TB) *chromium {
	t.Helper()
	tools, err := filepath.Abs(repository + "/.cache/browser")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(tools + "/node_modules/playwright-core"); err != nil {
		t.Fatal("playwright-core is missing: run scripts/install-chromium first")
	}
	cmd := exec.Command("node", "driver.mjs", tools, findChromium(t))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	b := &chromium{t: t, in: in, waiting: map[int]chan answer{}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.read(out)
	}()
	t.Cleanup(func() {
		_ = in.Close() // the driver ends the browser, and then itself
		select {
		case <-done:
		case <-time.After(20 * time.Second):
			t.Error("the browser doesn't end")
			_ = cmd.Process.Kill()
			<-done
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("the browser ended with %v", err)
		}
	})
	return b
}

// findChromium finds what scripts/install-chromium found or installed.
func findChromium(t testing.TB) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("there is no Chromium: run scripts/install-chromium first")
	return ""
}

// read hands out answers until there are no more.
func (b *chromium) read(out io.Reader) {
	lines := bufio.NewReader(out)
	var a answer
	for {
		line, err := lines.ReadBytes('\n')
		if err == nil {
			a = answer{}
			err = json.Unmarshal(line, &a)
		}
		b.mu.Lock()
		if err != nil {
			b.ended = fmt.Errorf("the browser is gone: %w", err)
			for _, waits := range b.waiting {
				close(waits)
			}
			b.mu.Unlock()
			return
		}
		if waits := b.waiting[a.ID]; waits != nil {
			delete(b.waiting, a.ID)
			waits <- a
		}
		b.mu.Unlock()
	}
}

// do has a job done: the default export of a file beside this one.
func (b *chromium) do(ctx context.Context, job string, args, result any) error {
	b.mu.Lock()
	if b.ended != nil {
		b.mu.Unlock()
		return b.ended
	}
	b.next++
	id, waits := b.next, make(chan answer, 1)
	b.waiting[id] = waits
	b.mu.Unlock()
	line, err := json.Marshal(map[string]any{"id": id, "job": job, "args": args})
	if err != nil {
		return err
	}
	b.write.Lock()
	_, err = b.in.Write(append(line, '\n'))
	b.write.Unlock()
	if err != nil {
		return fmt.Errorf("couldn't tell the browser: %w", err)
	}
	select {
	case a, ok := <-waits:
		switch {
		case !ok:
			return b.ended
		case a.Error != "":
			return errors.New(a.Error)
		}
		return json.Unmarshal(a.Result, result)
	case <-ctx.Done():
		return fmt.Errorf("the browser doesn't answer: %w", context.Cause(ctx))
	}
}

// screenshots is the folder for pictures.
func screenshots(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("ATTESTLOG_SCREENSHOTS")
	if dir == "" {
		dir = repository + "/.cache/screenshots"
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}
