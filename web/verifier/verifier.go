// Package verifier holds the verifier that runs in a reader's browser: the Go code of ledger/verify and prover/zkverify, compiled to
// WebAssembly, with Go's glue for it.
//
// The files are not in the repository: go run ./web/verifier/build makes them, and make build, make test and the Dockerfile do that. A
// program that is built without them works, and its viewer says what is missing.
package verifier

import (
	"bytes"
	"compress/gzip"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
)

//go:embed dist
var dist embed.FS

// ErrMissing says that the program was built without the verifier.
var ErrMissing = errors.New("this program was built without the verifier for browsers: go run ./web/verifier/build makes it, and then build again, or use make build")

// Name is what the verifier is called among the viewer's files.
const Name = "verifier.wasm"

// MaxPacked is what the verifier may have, in bytes, as browsers get it.
const MaxPacked = 1_200_000

// maxWasm bounds the verifier unpacked, in bytes.
const maxWasm = 32 << 20

// Verifier is the compiled verifier, packed in two ways, and the script that starts it.
type Verifier struct {
	Brotli, Gzip []byte
	Glue         []byte // wasm_exec.js, of the Go release that compiled it
}

// Load gives the verifier that the program was built with, or [ErrMissing].
func Load() (*Verifier, error) {
	v := &Verifier{}
	for name, into := range map[string]*[]byte{Name + ".br": &v.Brotli, Name + ".gz": &v.Gzip, "wasm_exec.js": &v.Glue} {
		b, err := dist.ReadFile("dist/" + name)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, ErrMissing
		}
		if err != nil {
			return nil, fmt.Errorf("couldn't read the verifier for browsers: %w", err)
		}
		*into = b
	}
	return v, nil
}

// Wasm unpacks it.
func (v *Verifier) Wasm() ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(v.Gzip))
	if err != nil {
		return nil, fmt.Errorf("couldn't unpack the verifier for browsers: %w", err)
	}
	b, err := io.ReadAll(io.LimitReader(z, maxWasm))
	if err != nil {
		return nil, fmt.Errorf("couldn't unpack the verifier for browsers: %w", err)
	}
	return b, nil
}
