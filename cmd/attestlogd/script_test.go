package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/attestlog/attestlog/cmd/internal/keyfile"
)

// TestMain makes this test binary double as attestlogd, for scripts and for TestCompose.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"attestlogd": func() { os.Exit(run()) }})
}

// TestScripts runs whole life stories of a log, in testdata/*.txt, on the real program and real PostgreSQL servers.
func TestScripts(t *testing.T) {
	root := reachableDir(t)
	testscript.Run(t, testscript.Params{
		Dir:         "testdata",
		WorkdirRoot: root,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"address": scriptAddress,
			"ready":   scriptReady,
			"newkey":  scriptNewKey,
			"oneline": scriptOneLine,
			"mode":    scriptMode,
			"hold":    scriptHold,
		},
	})
}

// reachableDir is a directory that the unprivileged user of a private PostgreSQL can reach where root runs the tests, unlike those
// of testing.T.
func reachableDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "attestlogd-test-")
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

// freeAddress is a loopback address that nobody listens on, now.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// awaitReady asks a server until it is ready. There is no signal to wait for: a server's readiness is what HTTP says.
func awaitReady(url string, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	for {
		err := (&healthConfig{URL: url, Timeout: patience}).run(ctx, streams{out: new(strings.Builder), err: new(strings.Builder)})
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return err
		}
	}
}

// address NAME: sets NAME to a free host:port.
func scriptAddress(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, !neg && len(args) == 1, "usage: address NAME")
	address, err := freeAddress()
	ts.Check(err)
	ts.Setenv(args[0], address)
}

// ready HOST:PORT: waits until the server there takes events.
func scriptReady(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, !neg && len(args) == 1, "usage: ready HOST:PORT")
	ts.Check(awaitReady("http://"+args[0], 30*time.Second))
}

// newkey ORIGIN SOURCE NAME: writes NAME.key and NAME.request, as the holder of a new key does.
func scriptNewKey(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, !neg && len(args) == 3, "usage: newkey ORIGIN SOURCE NAME")
	_, key, err := ed25519.GenerateKey(rand.Reader)
	ts.Check(err)
	ts.Check(keyfile.WriteSecret(ts.MkAbs(args[2]+".key"), keyfile.FormatPrivate(key)))
	ts.Check(keyfile.WritePublic(ts.MkAbs(args[2]+".pub"), keyfile.FormatPublic(key.Public().(ed25519.PublicKey))))
	request, err := keyfile.NewRequest(args[0], args[1], key, nil).Encode()
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[2]+".request"), request, 0o644))
}

// oneline: the last command's standard error was one line.
func scriptOneLine(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, !neg && len(args) == 0, "usage: oneline")
	text := ts.ReadFile("stderr")
	want(ts, strings.Count(text, "\n") == 1 && strings.HasSuffix(text, "\n"), "standard error is not one line:\n"+text)
}

// mode FILE OCTAL: the file has these permissions.
func scriptMode(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, !neg && len(args) == 2, "usage: mode FILE OCTAL")
	info, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	got := strings.TrimPrefix(info.Mode().Perm().String(), "-")
	want(ts, got == args[1], filepath.Base(args[0])+" has mode "+got+", want "+args[1])
}

// hold NAME: takes a port until the script ends, and sets NAME to its host:port.
func scriptHold(ts *testscript.TestScript, neg bool, args []string) {
	want(ts, !neg && len(args) == 1, "usage: hold NAME")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { l.Close() })
	ts.Setenv(args[0], l.Addr().String())
}

func want(ts *testscript.TestScript, ok bool, problem string) {
	if !ok {
		ts.Fatalf("%s", problem)
	}
}
