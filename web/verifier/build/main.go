// Command build compiles the verifier in the browser and packs it: it is go run ./web/verifier/build, which make build, make test and the
// Dockerfile run before anything that embeds it.
//
// What it makes lies in web/verifier/dist, which git ignores: verifier.wasm.br and .gz, and Go's own wasm_exec.js. Packing takes ten
// seconds, so that what was packed is kept by its content in .cache/verifier.
//
// Brotli is what browsers get over HTTPS and from localhost, a quarter smaller than gzip, which is the reason for that dependency; gzip is what
// they get over plain HTTP, where they don't ask for Brotli, and what is in the page that can be saved, which has to unpack itself.
package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/andybalholm/brotli"

	"github.com/attestlog/attestlog/durable"
)

const (
	source = "./web/verifier/wasm"
	into   = "web/verifier/dist"
	name   = "verifier.wasm"
)

func main() {
	quiet := flag.Bool("quiet", false, "say nothing if all goes well")
	flag.Parse()
	if err := build(*quiet); err != nil {
		fmt.Fprintln(os.Stderr, "couldn't build the verifier for browsers:", err)
		os.Exit(1)
	}
}

func build(quiet bool) error {
	root, err := output("go", "list", "-m", "-f", "{{.Dir}}")
	if err != nil {
		return err
	}
	if err := os.Chdir(root); err != nil {
		return err
	}
	goroot, err := output("go", "env", "GOROOT")
	if err != nil {
		return err
	}
	wasm, err := compile()
	if err != nil {
		return err
	}
	sum := sha256.Sum256(wasm)
	for _, p := range []struct {
		suffix string
		pack   func(io.Writer) io.WriteCloser
	}{
		{".br", func(w io.Writer) io.WriteCloser {
			return brotli.NewWriterOptions(w, brotli.WriterOptions{Quality: brotli.BestCompression, LGWin: 24})
		}},
		{".gz", func(w io.Writer) io.WriteCloser {
			z, _ := gzip.NewWriterLevel(w, gzip.BestCompression) // the level is a right one
			return z
		}},
	} {
		kept := filepath.Join(".cache", "verifier", hex.EncodeToString(sum[:16])+p.suffix)
		packed, err := os.ReadFile(kept)
		if errors.Is(err, fs.ErrNotExist) {
			if packed, err = pack(wasm, p.pack); err == nil {
				err = write(kept, packed)
			}
		}
		if err == nil {
			err = write(filepath.Join(into, name+p.suffix), packed)
		}
		if err != nil {
			return err
		}
		if !quiet {
			fmt.Printf("%s/%s%s: %d bytes, of %d\n", into, name, p.suffix, len(packed), len(wasm))
		}
	}
	glue, err := os.ReadFile(filepath.Join(goroot, "lib", "wasm", "wasm_exec.js"))
	if err != nil {
		return err
	}
	return write(filepath.Join(into, "wasm_exec.js"), glue)
}

// compile links the verifier. Without inlining it is a twelfth smaller when packed; the arithmetic of fields keeps it, since proofs are made of
// that.
func compile() ([]byte, error) {
	dir, err := os.MkdirTemp("", "attestlog-verifier-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, name)
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-gcflags=all=-l",
		"-gcflags=github.com/consensys/gnark-crypto/...=", "-gcflags=github.com/attestlog/attestlog/prover/zkverify=", "-o", file, source)
	cmd.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm", "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w\n%s", err, out)
	}
	return os.ReadFile(file)
}

func pack(b []byte, with func(io.Writer) io.WriteCloser) ([]byte, error) {
	var out bytes.Buffer
	w := with(&out)
	if _, err := w.Write(b); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// write replaces a file as a whole, if it has other content: others may be building from it.
func write(file string, content []byte) error {
	if old, err := os.ReadFile(file); err == nil && bytes.Equal(old, content) {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return durable.Replace(file, content, 0o644)
}

func output(command string, args ...string) (string, error) {
	out, err := exec.Command(command, args...).Output()
	return strings.TrimSpace(string(out)), err
}
