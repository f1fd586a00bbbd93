package monitor_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"filippo.io/torchwood"

	"github.com/attestlog/attestlog/ledger/monitor"
)

func buildProgram(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "attestlog-monitor")
	if out, err := exec.Command("go", "build", "-o", program, "../../cmd/attestlog-monitor").CombinedOutput(); err != nil {
		t.Fatalf("couldn't build the program: %v\n%s", err, out)
	}
	return program
}

// TestKilled kills the real program again and again while it reads a log, wherever it happens to be. It goes on where it was, finds what is
// wrong with the log once, and ends with the same state as one that was left alone.
func TestKilled(t *testing.T) {
	program := buildProgram(t)
	k := newLogKey(t)
	h, data := founded(t, k)
	h.accesses(data, 9000)
	h.say("nobody/1", access(data))
	h.accesses(data, 20_000)
	log := serveLog(t, h.shows(h.size()))
	dir := t.TempDir()
	check := func() *exec.Cmd {
		return exec.Command(program, "check", "--state", dir, "--log-key", k.vkey, "--server", log.URL, "--patience", "0s")
	}
	var requests chan struct{}
	log.view.bend = func(_ string, b []byte) []byte {
		if requests != nil {
			requests <- struct{}{}
		}
		return b
	}
	sizes := []int64{}
	resumed := 0 // processes that went on, and said so
	said := regexp.MustCompile(`(?m)^log.example/2026: going on after (\d+) of 29006 entries,`)
	// progress reads after how many entries a process said that it goes on, and fails if it did anew what was done.
	progress := func(stderr []byte) {
		t.Helper()
		before := int64(0)
		if len(sizes) > 0 {
			before = sizes[len(sizes)-1]
		}
		if m := said.FindSubmatch(stderr); m != nil {
			if n, err := strconv.ParseInt(string(m[1]), 10, 64); err != nil || n != before {
				t.Errorf("after %d entries were judged, it says that it goes on after %d", before, n)
			}
			resumed++
		}
	}
	for _, after := range []int{1, 2, 30, 60, 45, 50, 20, 45, 70, 10} { // requests, after which it is killed
		requests = make(chan struct{}, 10000)
		cmd := check()
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		for range after {
			select {
			case <-requests:
			case err := <-ended:
				ended <- err
			}
		}
		if err := cmd.Process.Signal(syscall.SIGKILL); err != nil && !errors.Is(err, exec.ErrNotFound) && !strings.Contains(err.Error(), "finished") {
			t.Fatal(err)
		}
		<-ended
		progress(stderr.Bytes())
		if status, err := monitor.ReadStatus(dir); err == nil {
			sizes = append(sizes, status[0].Size)
		} else if !strings.Contains(err.Error(), "holds no monitor's state") {
			t.Fatal(err)
		}
	}
	for i := 1; i < len(sizes); i++ {
		if sizes[i] < sizes[i-1] {
			t.Errorf("what was done was lost: %v", sizes)
		}
	}
	t.Logf("killed at %v of %d entries", sizes, h.size())
	if sizes[len(sizes)-1] == 0 {
		t.Error("it never gets any further")
	}
	requests = make(chan struct{}, 10000)
	last := check()
	var stderr bytes.Buffer
	last.Stderr = &stderr
	out, err := last.Output()
	progress(stderr.Bytes())
	if resumed < 2 {
		t.Errorf("%d processes went on where another one was, and showed it", resumed)
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 3 || bytes.Count(out, []byte("ALARM unknown-source")) != 1 || !bytes.Contains(out, []byte("29006 entries judged, up to the head of 29006")) {
		t.Fatalf("%v\n%s", err, out)
	}
	alone := watch(t, k, log.URL)
	alone.round()
	alone.wantAlarms("unknown-source")
	status, err := monitor.ReadStatus(dir)
	if err != nil || status[0].Head != alone.status().Head || len(status[0].Alarms) != 1 || status[0].Alarms[0].ID != alone.alarms()[0].ID {
		t.Errorf("the killed one has another state: %+v, %v", status, err)
	}
}

// TestGoesOn kills the real program in the middle of its first reading of a log. It goes on there, asks for nothing twice that it had judged,
// and says so to people.
func TestGoesOn(t *testing.T) {
	program := buildProgram(t)
	k := newLogKey(t)
	h, data := founded(t, k)
	h.accesses(data, 29_000)
	const judged, blocked = 16384, 70 // entries: two chunks; and the first bundle that the log doesn't give for now
	for name, c := range map[string]struct {
		args        []string
		begin, goOn string
		end         string
	}{
		"check": {[]string{"check"}, "reading 29005 entries", "going on after 16384 of 29005 entries, which were read before", "all 29005 entries, after"},
		"serve": {[]string{"serve", "--listen", "127.0.0.1:0"}, "reading a log from its beginning", `msg="going on with reading a log" log=log.example/2026 read=16384 of=29005`, `msg="a log is read" log=log.example/2026 entries=29005`},
	} {
		t.Run(name, func(t *testing.T) {
			v := h.shows(h.size())
			log := serveLog(t, v)
			release := make(chan struct{})
			t.Cleanup(func() { close(release) })
			v.bend = func(path string, b []byte) []byte {
				if tile, err := torchwood.ParseTilePath(path); err == nil && tile.L < 0 && tile.N >= blocked {
					<-release
				}
				return b
			}
			dir := t.TempDir()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			start := func() (*exec.Cmd, *bufio.Scanner) {
				cmd := exec.CommandContext(ctx, program, append(c.args, "--state", dir, "--log-key", k.vkey, "--server", log.URL)...)
				out, err := cmd.StderrPipe()
				if err == nil {
					err = cmd.Start()
				}
				if err != nil {
					t.Fatal(err)
				}
				return cmd, bufio.NewScanner(out)
			}
			says := func(lines *bufio.Scanner, want string) {
				t.Helper()
				var all []string
				for lines.Scan() {
					if all = append(all, lines.Text()); strings.Contains(lines.Text(), want) {
						return
					}
				}
				t.Fatalf("it doesn't say %q, but %q", want, all)
			}
			cmd, lines := start()
			says(lines, c.begin)
			for status, err := monitor.ReadStatus(dir); err != nil || status[0].Size < judged; status, err = monitor.ReadStatus(dir) {
				if ctx.Err() != nil {
					t.Fatalf("it doesn't get as far as it can: %v", err)
				}
				time.Sleep(10 * time.Millisecond) // there is no signal of it: what is on disk is what counts
			}
			if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait() // killed

			log.show(h.shows(h.size()))
			log.mu.Lock()
			clear(log.asked)
			log.mu.Unlock()
			cmd, lines = start()
			says(lines, c.goOn)
			says(lines, c.end)
			if name == "serve" {
				if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
					t.Fatal(err)
				}
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("it ends with %v", err)
			}
			log.mu.Lock()
			defer log.mu.Unlock()
			for path := range log.asked {
				if tile, err := torchwood.ParseTilePath(path); err == nil && tile.L < 0 && (tile.N+1)*torchwood.TileWidth <= judged {
					t.Errorf("it reads %s again", path)
				}
			}
			if status, err := monitor.ReadStatus(dir); err != nil || status[0].Size != h.size() || len(status[0].Alarms) > 0 {
				t.Errorf("it ends with %+v, %v", status, err)
			}
		})
	}
}
