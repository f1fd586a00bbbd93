package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/circuit"
	"github.com/attestlog/attestlog/prover/keys"
)

// onceCommand makes this program a prover that has done nothing before: it reads an order from standard input, a JSON object, and
// answers on standard output. What a process has at its peak, and how long its keys take to load, can't be measured in one that has
// proven other statements.
const onceCommand = "prove-once"

// onceOrder says what to do.
type onceOrder struct {
	Keys      string       // the store's directory
	Statement string       // its name
	ID        event.Digest // of its verifying key
	Proofs    int          // how many to make; 0: only load the keys, without compiling the circuit
}

// onceResult says what it took.
type onceResult struct {
	Load float64 // seconds
	Peak int64   // bytes of memory that the process had in use at most
}

// serveOnce carries one order out.
func serveOnce(ctx context.Context, in io.Reader, out io.Writer) error {
	var order onceOrder
	if err := json.NewDecoder(in).Decode(&order); err != nil {
		return fmt.Errorf("couldn't read what to prove: %w", err)
	}
	quietGnark(&report{err: os.Stderr})
	result, err := proveOnce(ctx, order)
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(result)
}

// proveOnce proves like the command line does: it compiles the circuit, so as not to trust the one on disk. Where only the keys are
// loaded, it loads them like a worker.
func proveOnce(ctx context.Context, order onceOrder) (result onceResult, err error) {
	c, err := circuit.ByName(order.Statement)
	if err != nil {
		return result, err
	}
	store, err := keys.OpenStore(order.Keys)
	if err != nil {
		return result, err
	}
	load := func() (*keys.Keys, error) { return store.Load(order.ID) }
	if order.Proofs > 0 {
		ccs, err := c.Compile()
		if err != nil {
			return result, err
		}
		load = func() (*keys.Keys, error) { return store.LoadFor(order.ID, ccs) }
	}
	start := time.Now()
	k, err := load()
	if err != nil {
		return result, err
	}
	result.Load = time.Since(start).Seconds()
	for range order.Proofs {
		assignment, _, err := c.Sample()
		if err != nil {
			return result, err
		}
		if _, _, err := k.Prove(ctx, assignment); err != nil {
			return result, err
		}
	}
	result.Peak, err = peakMemory()
	return result, err
}

// peakMemory is how many bytes of this process were resident at most. What getrusage says begins with its parent's.
func peakMemory() (int64, error) {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, fmt.Errorf("couldn't read the peak of memory: %w", err)
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			return kib << 10, err
		}
	}
	return 0, errors.New("couldn't read the peak of memory: /proc/self/status has none")
}

// once has another process carry an order out.
func once(ctx context.Context, r *report, order onceOrder) (result onceResult, err error) {
	self, err := os.Executable()
	if err != nil {
		return result, fmt.Errorf("couldn't start another process: %w", err)
	}
	in, err := json.Marshal(order)
	if err != nil {
		return result, err
	}
	command := exec.CommandContext(ctx, self, onceCommand)
	command.Stdin, command.Stderr = bytes.NewReader(in), r.err
	out, err := command.Output()
	if err != nil {
		return result, fmt.Errorf("the process that was to prove %s failed: %w", order.Statement, err)
	}
	if err := json.Unmarshal(out, &result); err != nil {
		return result, fmt.Errorf("couldn't read what it took to prove %s: %w", order.Statement, err)
	}
	return result, nil
}

// loadLimit is how long loading the largest key may take, in seconds, when it was loaded before.
const loadLimit = 0.5

// measureLoad measures how long a process takes to load keys, from the page cache and from the disk.
func measureLoad(ctx context.Context, p plan, r *report, order onceOrder) error {
	dir := filepath.Join(order.Keys, order.ID.String())
	size, err := readFiles(dir)
	if err != nil {
		return err
	}
	r.progress("loading the keys of %s", order.Statement)
	var warm, cold, read series
	seconds := func(to *series) measure {
		return func(ctx context.Context) error {
			result, err := once(ctx, r, order)
			*to = append(*to, result.Load)
			return err
		}
	}
	fromDisk := func(work measure) measure {
		return func(ctx context.Context) error {
			if err := forget(dir); err != nil {
				return err
			}
			return work(ctx)
		}
	}
	err = interleave(ctx, plan{p.seconds / 10, p.rounds}, // a load takes a fraction of a second
		fromDisk(seconds(&cold)), seconds(&warm),
		fromDisk(func(context.Context) error {
			start := time.Now()
			_, err := readFiles(dir)
			read = append(read, time.Since(start).Seconds())
			return err
		}))
	if err != nil {
		return err
	}
	detail := fmt.Sprintf("a process that was just started loads the keys of %s, %d MiB with the constraint system, and checks them against their digests; ", order.Statement, size>>20)
	return errors.Join(
		r.figure("keys/load/time", "s", warm, series{loadLimit}, "%sthe files were read before; limit: the target", detail),
		r.figure("keys/load/cold", "s", cold, read, "%sthe page cache was told to forget the files; limit: reading the same files, forgotten likewise, and doing nothing with them", detail))
}

// readFiles reads all files of a directory, one after another, and says how many bytes they have.
func readFiles(dir string) (size int64, err error) {
	err = eachFile(dir, func(f *os.File) error {
		n, err := io.Copy(io.Discard, f)
		size += n
		return err
	})
	return size, err
}

// forget has the page cache forget all files of a directory. Where the file system has none, or doesn't listen, they stay.
func forget(dir string) error {
	return eachFile(dir, func(f *os.File) error {
		if err := f.Sync(); err != nil { // what isn't on disk yet can't be forgotten
			return err
		}
		return unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
	})
}

func eachFile(dir string, do func(*os.File) error) error {
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		return errors.Join(do(f), f.Close())
	})
	if err != nil {
		return fmt.Errorf("couldn't read key files: %w", err)
	}
	return nil
}
