package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"net"
	"os"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/attestlog/attestlog/cmd/internal/health"
	"github.com/attestlog/attestlog/cmd/internal/keyfile"
	"github.com/attestlog/attestlog/cmd/internal/scripttest"
)

// TestMain makes this test binary double as attestlogd, for scripts and for TestCompose.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"attestlogd": main})
}

// TestScripts runs whole life stories of a log, in testdata/*.txt, on the real program and real PostgreSQL servers.
func TestScripts(t *testing.T) {
	root := scripttest.ReachableDir(t)
	testscript.Run(t, testscript.Params{
		Dir:         "testdata",
		WorkdirRoot: root,
		Cmds:        scriptCommands(),
	})
}

// scriptCommands are those of the stories here.
func scriptCommands() map[string]func(*testscript.TestScript, bool, []string) {
	all := scripttest.Commands()
	all["newkey"] = scriptNewKey
	all["hold"] = scriptHold
	return all
}

// awaitReady asks a server until it is ready. There is no signal to wait for: a server's readiness is what HTTP says.
func awaitReady(url string, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	for {
		err := health.Ask(ctx, url, "readyz", patience)
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
