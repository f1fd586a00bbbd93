package worker_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/consensys/gnark/frontend"

	"github.com/attestlog/attestlog/api/client"
	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/keys"
	"github.com/attestlog/attestlog/prover/worker"
)

// childArg tells this binary to be a worker; the next argument is the file that says which.
const childArg = "work-until-killed"

// child is what a worker in a process of its own is told.
type child struct {
	URL, LogKey, Database, State, Keys, Identity string
	KillAt                                       string // one of the points; empty: nowhere
}

// points are where a worker is killed: it kills itself, as nobody else could at so precise a moment, with the signal that can't be caught.
var points = []string{
	"before the witness is read", "after the witness was read", "before the event is asked for", "after the event was fetched",
	"before the proof", "after the proof", "before the attestation is sent", "after the attestation was sent", "after the receipt came",
}

// killer ends the process at a point.
type killer string

func (k killer) at(point string) {
	if string(k) == point {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // the signal is on its way
	}
}

type killedWitnesses struct {
	killer
	worker.Witnesses
}

func (k killedWitnesses) Witness(ctx context.Context, d event.Digest) ([]byte, error) {
	k.at("before the witness is read")
	b, err := k.Witnesses.Witness(ctx, d)
	k.at("after the witness was read")
	return b, err
}

type killedLog struct {
	killer
	worker.Log
}

func (k killedLog) Event(ctx context.Context, d event.Digest) (*client.Receipt, error) {
	k.at("before the event is asked for")
	r, err := k.Log.Event(ctx, d)
	k.at("after the event was fetched")
	return r, err
}

type killedProver struct{ killer }

func (k killedProver) Prove(ctx context.Context, loaded *keys.Keys, assignment frontend.Circuit) ([]byte, error) {
	k.at("before the proof")
	b, err := keys.Prove(ctx, loaded.ProvingKey, loaded.ConstraintSystem, assignment)
	k.at("after the proof")
	return b, err
}

type killedRecorder struct {
	killer
	worker.Recorder
}

func (k killedRecorder) Record(ctx context.Context, d client.Draft) (*client.Receipt, error) {
	r, err := k.Recorder.Record(ctx, d)
	k.at("after the receipt came")
	return r, err
}

// killedTransport stands between the source and the log: what is sent to it is on the source's disk by then.
type killedTransport struct{ killer }

func (k killedTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodPost {
		k.at("before the attestation is sent")
	}
	response, err := http.DefaultTransport.RoundTrip(r)
	if r.Method == http.MethodPost && err == nil {
		k.at("after the attestation was sent") // the log has committed it, and we don't hear
	}
	return response, err
}

// runChild is a worker like attestlog-prover's, which kills itself at a point.
func runChild(file string) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := workAsChild(ctx, file); err != nil {
		fmt.Fprintln(os.Stderr, "the worker ended:", err)
		os.Exit(1)
	}
}

func workAsChild(ctx context.Context, file string) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var c child
	if err := json.Unmarshal(b, &c); err != nil {
		return err
	}
	kill := killer(c.KillAt)
	identity, err := age.ParseX25519Identity(c.Identity)
	if err != nil {
		return err
	}
	store, err := keys.OpenStore(c.Keys)
	if err != nil {
		return err
	}
	pool, err := worker.Connect(ctx, c.Database)
	if err != nil {
		return err
	}
	defer pool.Close()
	cl, err := client.New(c.URL, client.Options{LogKey: c.LogKey, HTTP: &http.Client{Transport: killedTransport{kill}}})
	if err != nil {
		return err
	}
	log, key := worker.Client{Client: cl}, keyOf(keyLetters["prover/1"])
	self, err := log.Check(ctx, "prover/1", key, identity)
	if err != nil {
		return err
	}
	source, err := cl.OpenSource(client.SourceOptions{Name: "prover/1", Key: key, State: c.State})
	if err != nil {
		return err
	}
	if err := source.Recover(ctx); err != nil {
		return err
	}
	db := worker.Database{Pool: pool}
	w, err := worker.New(worker.Config{Self: self, Log: killedLog{kill, log}, Recorder: killedRecorder{kill, source}, Database: db,
		Witnesses: killedWitnesses{kill, db}, Identity: identity, Store: store, Prover: killedProver{kill}, Memory: 1 << 30,
		Refresh: 100 * time.Millisecond, Logger: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	if err != nil {
		return err
	}
	return errors.Join(w.Run(ctx), source.Close())
}

// TestKilled kills a worker without warning at each point, and lets it come back: the event is proven, once.
func TestKilled(t *testing.T) {
	for _, point := range points {
		t.Run(strings.ReplaceAll(point, " ", "-"), func(t *testing.T) {
			w := startLive(t)
			c := child{URL: w.url, LogKey: w.public, Database: w.db, Keys: w.store.Dir(), State: filepath.Join(t.TempDir(), "state"), Identity: w.identity.String(), KillAt: point}
			first := w.someVersion()
			process, said := c.start(t)
			var exit *exec.ExitError
			if err := process.Wait(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
				t.Fatalf("the worker wasn't killed, but ended with %v:\n%s", err, said)
			}
			c.KillAt = ""
			process, said = c.start(t)
			second := w.someVersion()
			w.proven(first, second)
			if err := process.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			if err := process.Wait(); err != nil {
				t.Fatalf("the worker ended with %v:\n%s", err, said)
			}
			w.proven(first, second) // still once each
			if n := w.jobs("completed"); n != 2 {
				t.Errorf("%d jobs are completed, want 2:\n%s", n, said)
			}
		})
	}
}

// start runs a worker in a process of its own.
func (c child) start(t *testing.T) (*exec.Cmd, *lines) {
	t.Helper()
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "child.json")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	process, said := exec.Command(os.Args[0], childArg, file), new(lines)
	process.Stderr = said
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = process.Process.Kill() }) // it has ended, unless the test failed
	return process, said
}
