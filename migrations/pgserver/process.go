package pgserver

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
)

// process is the postmaster.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when the process and its output have ended
}

// startProcess runs postgres until it says that it takes connections.
func startProcess(ctx context.Context, program string, args []string, o *owner, logger *slog.Logger) (*process, error) {
	stderr, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(program, args...)
	cmd.Dir = "/"
	cmd.Env = environment()
	cmd.Stderr = write // a file, not a Writer: Wait must not hang on a child that keeps it open
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Pdeathsig: syscall.SIGQUIT,
		Setpgid:   true, // Ctrl-C is for us to handle: PostgreSQL goes down after we have finished our commits
	}
	if o != nil {
		cmd.SysProcAttr.Credential = o.credential()
	}
	p := &process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error)
	go p.own(started)
	err = <-started
	write.Close()
	if err != nil {
		stderr.Close()
		return nil, err
	}
	ready := make(chan struct{})
	last := make(chan string, 1)
	go func() {
		last <- follow(stderr, ready, logger)
		stderr.Close()
	}()
	select {
	case <-ready:
		return p, nil
	case <-p.done:
		return nil, errors.New(<-last)
	case <-ctx.Done():
		if err := p.signal(syscall.SIGQUIT); err != nil {
			return nil, err
		}
		<-p.done
		return nil, fmt.Errorf("it didn't answer in time: %s: %w", <-last, ctx.Err())
	}
}

// own starts the process and stays with it. Pdeathsig fires when the thread that forked ends, not the process, so the
// thread is kept until PostgreSQL is gone.
func (p *process) own(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := p.cmd.Start()
	started <- err
	if err != nil {
		return
	}
	// The exit status says nothing that the log doesn't: an immediate shutdown and a failure look alike.
	_ = p.cmd.Wait()
	close(p.done)
}

// follow passes the server's log on, closes ready at the line that announces it, and returns the line that explains an
// early end.
func follow(log *os.File, ready chan struct{}, logger *slog.Logger) string {
	var tail strings.Builder
	announced := false
	lines := bufio.NewScanner(log)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		logger.Debug("postgresql", "line", line)
		if !announced {
			tail.WriteString(line + "\n")
			if strings.Contains(line, "database system is ready to accept connections") {
				announced = true
				close(ready)
			}
		}
	}
	return lastLine(tail.String())
}

// signal sends a signal unless the process has ended.
func (p *process) signal(sig syscall.Signal) error {
	select {
	case <-p.done:
		return nil
	default:
	}
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}
