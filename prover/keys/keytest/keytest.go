// Package keytest gives tests real keys without a set-up in every run: they are
// kept in .cache/keys under the module's root, which git ignores.
package keytest

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/consensys/gnark/constraint"

	"github.com/attestlog/attestlog/prover/keys"
)

// Keys returns keys for the circuit that compile compiles. They are found by the
// constraint system's digest, so that a changed circuit gets new keys; whatever
// is cached is checked against its manifest. Test binaries that run at the same
// time share one set-up.
func Keys(t testing.TB, name string, compile func() (constraint.ConstraintSystem, error)) *keys.Keys {
	t.Helper()
	ccs, err := compile()
	if err != nil {
		t.Fatalf("keytest: %v", err)
	}
	k, err := cached(Store(t), name, ccs)
	if err != nil {
		t.Fatalf("keytest: %v", err)
	}
	return k
}

// Store is the store that the cached keys are in.
func Store(t testing.TB) *keys.Store {
	t.Helper()
	root, err := moduleRoot()
	if err != nil {
		t.Fatalf("keytest: %v", err)
	}
	store, err := keys.OpenStore(filepath.Join(root, ".cache", "keys"))
	if err != nil {
		t.Fatalf("keytest: %v", err)
	}
	return store
}

func cached(store *keys.Store, name string, ccs constraint.ConstraintSystem) (*keys.Keys, error) {
	digest, _, err := keys.ConstraintSystemDigest(ccs)
	if err != nil {
		return nil, err
	}
	unlock, err := lock(filepath.Join(store.Dir(), ".lock-"+digest.String()))
	if err != nil {
		return nil, err
	}
	defer unlock()
	list, _ := store.List() // what can't be read is set up anew
	for _, m := range list {
		if m.ConstraintSystem.SHA256 == digest {
			if k, err := store.LoadFor(m.Digest(), ccs); err == nil {
				return k, nil
			}
		}
	}
	k, err := keys.Setup(context.Background(), ccs, nil)
	if err != nil {
		return nil, err
	}
	_, err = store.Put(name, k, time.Now())
	return k, err
}

// lock holds an advisory lock on the file until the returned function is called,
// or the process ends.
func lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		f.Close()
		return nil, err
	}
	return func() { f.Close() }, nil
}

// moduleRoot is the nearest directory above the test's that has a go.mod.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", os.ErrNotExist
		}
		dir = up
	}
}
