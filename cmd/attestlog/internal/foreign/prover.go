package foreign

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/attestlog/attestlog/ledger/event"
	"github.com/attestlog/attestlog/prover/snarkjs"
)

// Prover is a program that proves: a command of the shell. It finds its inputs, and where its proof belongs, by the environment variables that Run sets.
type Prover struct {
	Command string
	Private []byte    // its private inputs, a JSON object; may be nil
	Output  io.Writer // what it prints goes there
}

// Prove has an event proven, number and all. The files, which hold the private inputs, are for their owner's eyes only, and gone afterwards.
func (p *Prover) Prove(ctx context.Context, under *Statement, e *event.Event, digest event.Digest) (proof []byte, err error) {
	task, err := under.Task(ctx, e, digest)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "attestlog-prover-")
	if err != nil {
		return nil, fmt.Errorf("couldn't make a folder for the prover: %w", err)
	}
	defer func() {
		if e := os.RemoveAll(dir); e != nil {
			err = errors.Join(err, fmt.Errorf("couldn't remove the prover's files: %w", e))
		}
	}()
	public, err := task.PublicFile()
	if err != nil {
		return nil, err
	}
	inputs, err := task.InputFile(p.Private)
	if err != nil {
		return nil, err
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := errors.Join(os.WriteFile(at("public.json"), public, 0o600), os.WriteFile(at("input.json"), inputs, 0o600)); err != nil {
		return nil, fmt.Errorf("couldn't write the prover's files: %w", err)
	}
	if err := p.run(ctx, at("input.json"), at("public.json"), at("proof.json")); err != nil {
		return nil, err
	}
	file, err := readProof(at("proof.json"))
	if err != nil {
		return nil, err
	}
	return task.Accept(file)
}

// run runs the command in a process group of its own, which ends with ctx, whatever the command started.
func (p *Prover) run(ctx context.Context, input, public, proof string) error {
	c := exec.CommandContext(ctx, "sh", "-c", p.Command)
	c.Env = append(os.Environ(), "ATTESTLOG_INPUT="+input, "ATTESTLOG_PUBLIC="+public, "ATTESTLOG_PROOF="+proof)
	c.Stdout, c.Stderr = p.Output, p.Output
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
	c.WaitDelay = 5 * time.Second
	if err := c.Run(); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return fmt.Errorf("the prover failed: %w", err)
	}
	return nil
}

// readProof reads what a prover left.
func readProof(path string) ([]byte, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("the prover ended well and wrote no proof: it belongs where the variable ATTESTLOG_PROOF says")
	}
	if err != nil {
		return nil, fmt.Errorf("couldn't read the proof: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, snarkjs.MaxProof+1))
	if err != nil {
		return nil, fmt.Errorf("couldn't read the proof: %w", err)
	}
	return b, nil
}
