package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/attestlog/attestlog/cmd/internal/keyfile"
)

// TestMain lets the test binary be the load generator and the fresh prover, too: http and prove start the program that they run in a second time.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == loadCommand || os.Args[1] == onceCommand) {
		os.Exit(run())
	}
	os.Exit(m.Run())
}

var httpNames = []string{
	"http/single/rate", "http/single/p99", "http/batch/rate", "http/batch/p99", "http/batch-minimal/rate", "http/batch-minimal/p99",
	"http/attested/rate", "http/attested/p99", "http/attested-batch/rate", "http/attested-batch/p99"}

// keysDir is where the project's tests keep keys, so that they are set up once.
const keysDir = "../../.cache/keys"

// Each area measures all that it promises, once, on the smallest scale.
func TestAreas(t *testing.T) {
	tests := []struct {
		area  string
		args  []string
		names []string
	}{
		{"log", []string{"--leaves", "2000"}, []string{
			"log/1024/rate", "log/1024/p99", "log/64/rate", "log/64/p50", "log/growth/100k", "log/growth/1M", "log/storage/bytes-per-leaf", "log/proof/p50"}},
		{"http", []string{"--connections", "8", "--batch", "50", "--batch-sources", "5"}, httpNames},
		{"prove", []string{"--statements", "data-access-16", "--keys", keysDir}, []string{
			"prove/data-access-16/constraints", "prove/data-access-16/time", "prove/data-access-16/ratio", "prove/data-access-16/memory", "keys/load/time", "keys/load/cold"}},
		{"verify", []string{"--statements", "data-access-16", "--keys", keysDir, "--proofs", "2"}, []string{
			"verify/single/time", "verify/single/rate", "verify/batch64/rate", "verify/batch64-one-bad/rate"}},
		{"monitor", []string{"--entries", "1000", "--proofs", "600"}, []string{"monitor/entries/rate", "monitor/proofs/rate", "monitor/proven-entries/rate"}},
		{"web", []string{"--entries", "12000"}, webNames()},
		{"worker", []string{"--statements", "data-access-16", "--keys", keysDir, "--jobs", "3"}, []string{
			"worker/job/time", "worker/overhead/ratio", "worker/data-access-16/memory"}},
	}
	for _, tt := range tests {
		t.Run(tt.area, func(t *testing.T) {
			tmp := passable(t)
			var out, errs bytes.Buffer
			args := append([]string{tt.area, "--seconds", "0.05", "--rounds", "1"}, tt.args...)
			if code := execute(t.Context(), args, nil, &out, &errs); code != 0 {
				t.Fatalf("exit code %d: %s", code, errs.String())
			}
			checkFigures(t, out.String(), tt.names)
			checkMemory(t, out.String())
			nothingLeft(t, tmp)
		})
	}
}

// webNames are the figures of all pages that the viewer has.
func webNames() (names []string) {
	for _, c := range pageCases() {
		names = append(names, "web/"+c.name+"/p95")
		if !c.file() {
			names = append(names, "web/"+c.name+"/bytes")
		}
	}
	return append(names, "web/slowest/p95")
}

// checkFigures makes sure that every name was reported once, and that nothing else was.
func checkFigures(t *testing.T, out string, names []string) {
	t.Helper()
	times := map[string]int{}
	for line := range strings.Lines(out) {
		var f figure
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		times[f.Name]++
		if f.Unit == "" || f.Detail == "" || !(f.Value > 0) || !(f.Limit > 0) || math.Abs(f.Ratio/(f.Value/f.Limit)-1) > 1e-3 {
			t.Errorf("not a figure: %s", line)
		}
	}
	for _, name := range names {
		if times[name] != 1 {
			t.Errorf("%s was reported %d times", name, times[name])
		}
	}
	if len(times) != len(names) {
		t.Errorf("reported %v, want %v", times, names)
	}
}

// checkMemory holds the memory that a worker counts with for a statement against what was measured.
func checkMemory(t *testing.T, out string) {
	t.Helper()
	for line := range strings.Lines(out) {
		var f figure
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(f.Name, "worker/") && strings.HasSuffix(f.Name, "/memory") && (f.Ratio > 1 || f.Ratio < 0.3) {
			t.Errorf("a worker counts with %v MiB, and %v were taken: %s", f.Limit, f.Value, f.Name)
		}
	}
}

// A server that runs already is measured through its port alone.
func TestRunningServer(t *testing.T) {
	passable(t)
	dir := t.TempDir()
	s, err := newServer(t.Context(), &report{err: io.Discard}, new(databaseFlags), loadConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.close(); err != nil {
			t.Error(err)
		}
	}()
	logKey, operatorKey := filepath.Join(dir, "log.pub"), filepath.Join(dir, "operator.key")
	if err := keyfile.WritePublic(logKey, s.verifier); err != nil {
		t.Fatal(err)
	}
	if err := keyfile.WriteSecret(operatorKey, keyfile.FormatPrivate(s.operator.key)); err != nil {
		t.Fatal(err)
	}
	for _, round := range []string{"first", "again, on a log that has sources"} {
		t.Run(round, func(t *testing.T) {
			var out, errs bytes.Buffer
			args := []string{"http", "--url", "http://" + s.load.Address, "--log-key", logKey, "--operator-key", operatorKey,
				"--seconds", "0.05", "--rounds", "1", "--connections", "4", "--batch", "20", "--batch-sources", "5"}
			if code := execute(t.Context(), args, nil, &out, &errs); code != 0 {
				t.Fatalf("exit code %d: %s", code, errs.String())
			}
			checkFigures(t, out.String(), httpNames)
		})
	}
}

// An interrupted run says so in one line and leaves nothing behind.
func TestInterrupted(t *testing.T) {
	for _, area := range []string{"log", "http"} {
		t.Run(area, func(t *testing.T) {
			tmp := passable(t)
			ctx, cancel := context.WithCancel(t.Context())
			var out bytes.Buffer
			errs := &watcher{mark: "submitters", then: cancel}
			if area == "http" {
				errs.mark = "from another process"
			}
			if code := execute(ctx, []string{area, "--seconds", "60"}, nil, &out, errs); code != 1 {
				t.Errorf("exit code %d: %s", code, errs.String())
			}
			if !strings.HasSuffix(errs.String(), "attestlog-bench "+area+": interrupted\n") {
				t.Errorf("standard error ends otherwise: %s", errs.String())
			}
			nothingLeft(t, tmp)
		})
	}
}

// watcher is a standard error that calls a function when something was said.
type watcher struct {
	mu   sync.Mutex
	said bytes.Buffer
	mark string
	then func()
}

func (w *watcher) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.said.Write(b)
	if strings.Contains(string(b), w.mark) {
		time.AfterFunc(100*time.Millisecond, w.then) // in the middle of the work that was announced
	}
	return len(b), nil
}

func (w *watcher) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.said.String()
}

// passable makes a directory for temporary files that a private PostgreSQL's user can pass through.
func passable(t *testing.T) string {
	t.Helper()
	tmp := t.TempDir()
	for _, dir := range []string{tmp, filepath.Dir(tmp)} {
		if err := os.Chmod(dir, 0o711); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("TMPDIR", tmp)
	return tmp
}

func nothingLeft(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(left) != 0 {
		t.Errorf("%d things were left behind, such as %s", len(left), left[0].Name())
	}
}

func TestCommandLine(t *testing.T) {
	tests := []struct {
		name string
		args []string
		code int
		says string
	}{
		{"nothing", nil, 2, ""},
		{"help", []string{"help"}, 0, ""},
		{"help of an area", []string{"log", "--help"}, 0, ""},
		{"unknown area", []string{"sleep"}, 2, `"sleep"`},
		{"unknown flag", []string{"log", "--fast"}, 2, "-fast"},
		{"too much", []string{"prove", "everything"}, 2, `"everything"`},
		{"no time", []string{"prove", "--seconds", "0"}, 2, "--seconds"},
		{"no number", []string{"prove", "--seconds", "NaN"}, 2, "--seconds"},
		{"no rounds", []string{"prove", "--rounds", "0"}, 2, "--rounds"},
		{"too small a log", []string{"log", "--leaves", "1"}, 2, "--leaves"},
		{"no such page", []string{"web", "--pages", "nonsense"}, 2, "--pages"},
		{"too small a log to show", []string{"web", "--entries", "4999"}, 2, "--entries"},
		{"unknown statement", []string{"prove", "--statements", "anything"}, 2, `"anything"`},
		{"a server that is no URL", []string{"http", "--url", "localhost"}, 2, "--url"},
		{"a server without keys", []string{"http", "--url", "http://localhost:1"}, 2, "--operator-key"},
		{"an unknown case", []string{"http", "--cases", "single,double"}, 2, "--cases"},
		{"no connections", []string{"http", "--connections", "0"}, 2, "--connections"},
		{"too large a batch", []string{"http", "--batch", "1001"}, 2, "--batch"},
		{"more sources than events", []string{"http", "--batch", "10", "--batch-sources", "11"}, 2, "--batch-sources"},
		{"no proofs", []string{"verify", "--proofs", "0"}, 2, "--proofs"},
		{"no such database", []string{"log", "--database-url", "host=/nonexistent password=secret"}, 1, "couldn't connect"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			if code := execute(t.Context(), tt.args, nil, &out, &errs); code != tt.code {
				t.Errorf("exit code %d, want %d: %s", code, tt.code, errs.String())
			}
			if !strings.Contains(errs.String(), tt.says) {
				t.Errorf("standard error lacks %q: %s", tt.says, errs.String())
			}
			if tt.code != 0 && len(tt.args) > 0 && strings.Count(errs.String(), "\n") != 1 {
				t.Errorf("not one line: %q", errs.String())
			}
			if strings.Contains(errs.String(), "secret") {
				t.Error("the password is shown")
			}
		})
	}
}
