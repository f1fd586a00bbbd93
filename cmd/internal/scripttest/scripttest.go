// Package scripttest has the commands that the stories in testdata/*.txt of several programs share (rogpeppe/go-internal/testscript).
package scripttest

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// Build builds commands by their folders, and returns the folder that holds them.
func Build(t *testing.T, folders ...string) string {
	t.Helper()
	return BuildModule(t, ".", folders...)
}

// BuildModule builds commands of the module in a folder: programs of others, at the versions that its go.mod pins. Their source comes from
// wherever go gets modules; where it can't be had, the test fails.
func BuildModule(t *testing.T, module string, packages ...string) string {
	t.Helper()
	dir := t.TempDir()
	build := exec.Command("go", append([]string{"build", "-C", module, "-mod=readonly", "-o", dir + string(filepath.Separator)}, packages...)...)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("couldn't build %s in %s: %v\n%s", packages, module, err, out)
	}
	return dir
}

// ReachableDir is a directory that the unprivileged user of a private PostgreSQL can reach where root runs the tests.
func ReachableDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "attestlog-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Commands are those for testscript.Params.Cmds.
func Commands() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"address":   address,
		"appears":   appears,
		"change":    change,
		"code":      code,
		"fetch":     fetch,
		"mode":      mode,
		"oneline":   oneLine,
		"published": published,
		"ready":     ready,
		"shows":     shows,
	}
}

// code N COMMAND…: the command ends with exit code N.
func code(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, !neg && len(args) > 1, "usage: code N COMMAND ...")
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		want(ts, errors.As(err, &exit), "couldn't run the command")
		got = exit.ExitCode()
	}
	want(ts, got == n, "exit code "+strconv.Itoa(got)+", want "+args[0])
}

// address NAME: sets NAME to a free host:port.
func address(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, !neg && len(args) == 1, "usage: address NAME")
	free, err := FreeAddress()
	ts.Check(err)
	ts.Setenv(args[0], free)
}

// FreeAddress is a loopback address that nobody listens on, for a program that has to be told its port. The port isn't one of those that
// systems give to outgoing connections (from 32768 on, on Linux; RFC 6335 has them from 49152 on): the many of a test run would take it
// before the program does.
func FreeAddress() (string, error) {
	for range 100 {
		l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(10_000+rand.IntN(20_000)))
		if errors.Is(err, unix.EADDRINUSE) {
			continue
		}
		if err != nil {
			return "", err
		}
		return l.Addr().String(), l.Close()
	}
	return "", errors.New("of 100 ports none is free")
}

// ready HOST:PORT: waits until the server there takes events. There is no signal to wait for: readiness is what HTTP says.
func ready(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, !neg && len(args) == 1, "usage: ready HOST:PORT")
	await(ts, "http://"+args[0]+"/readyz", "the server is not ready", func([]byte) bool { return true })
}

// published HOST:PORT SIZE: waits until the server there has published a head of that size. It publishes one a second, at most.
func published(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, !neg && len(args) == 2, "usage: published HOST:PORT SIZE")
	await(ts, "http://"+args[0]+"/checkpoint", "the server published no head of size "+args[1], func(note []byte) bool {
		lines := strings.Split(string(note), "\n")
		return len(lines) > 1 && lines[1] == args[1]
	})
}

// shows URL TEXT: waits until what a server answers holds the text. There is no signal to wait for: what it knows is what HTTP says.
func shows(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, !neg && len(args) == 2, "usage: shows URL TEXT")
	await(ts, args[0], args[0]+" doesn't show "+args[1], func(body []byte) bool { return strings.Contains(string(body), args[1]) })
}

// await asks an address until it answers 200 with what is good.
func await(ts *testscript.TestScript, url, problem string, good func(body []byte) bool) {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		ts.Check(err)
		if response, err := http.DefaultClient.Do(request); err == nil {
			body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
			response.Body.Close()
			if err == nil && response.StatusCode == http.StatusOK && good(body) {
				return
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			ts.Fatalf("%s", problem)
		}
	}
}

// appears FILE: waits until a program that runs in the background has written a file, which gives no signal of it.
func appears(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, !neg && len(args) == 1, "usage: appears FILE")
	deadline := time.Now().Add(2 * time.Minute)
	for {
		if _, err := os.Stat(ts.MkAbs(args[0])); err == nil {
			return
		}
		want(ts, time.Now().Before(deadline), args[0]+" doesn't appear")
		time.Sleep(time.Millisecond)
	}
}

// mode FILE OCTAL: the file has these permissions.
func mode(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, !neg && len(args) == 2, "usage: mode FILE OCTAL")
	info, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	got := strconv.FormatUint(uint64(info.Mode().Perm()), 8)
	want(ts, got == args[1], args[0]+" has mode "+got+", want "+args[1])
}

// change FILE FROM TO: replaces the first FROM, which must be there.
func change(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, !neg && len(args) == 3, "usage: change FILE FROM TO")
	text := ts.ReadFile(args[0])
	want(ts, strings.Contains(text, args[1]), args[0]+" doesn't hold "+args[1])
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Replace(text, args[1], args[2], 1)), 0o600))
}

// fetch URL FILE: keeps what a server answers; negated, it refuses.
func fetch(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, len(args) == 2, "usage: [!] fetch URL FILE")
	response, err := http.Get(args[0])
	ts.Check(err)
	body, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	ts.Check(errors.Join(err, response.Body.Close()))
	want(ts, (response.StatusCode == http.StatusOK) != neg, args[0]+" answers "+response.Status)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), body, 0o600))
}

// oneline: the last command's standard error was one line.
func oneLine(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, !neg && len(args) == 0, "usage: oneline")
	text := ts.ReadFile("stderr")
	want(ts, strings.Count(text, "\n") == 1 && strings.HasSuffix(text, "\n"), "standard error is not one line:\n"+text)
}

func want(ts *testscript.TestScript, ok bool, problem string) {
	if !ok {
		ts.Fatalf("%s", problem)
	}
}
