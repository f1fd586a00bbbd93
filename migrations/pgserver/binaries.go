package pgserver

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
)

// binaries are the programs of one PostgreSQL installation.
type binaries struct {
	postgres, initdb string
	version          int // major
}

// installations is where Debian, Ubuntu and the PostgreSQL project's own packages put the server's programs.
const installations = "/usr/lib/postgresql/*/bin"

var versionPattern = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

// findBinaries returns the newest installation that is new enough. A data directory that was initialized with
// another major version (have, or 0) needs that very version.
func findBinaries(ctx context.Context, dir string, have int) (binaries, error) {
	dirs := []string{dir}
	if dir == "" {
		dirs, _ = filepath.Glob(installations) // the only error is a malformed pattern
		if path, err := exec.LookPath("postgres"); err == nil {
			// A link on PATH leads to the installation where initdb and the libraries lie too.
			if target, err := filepath.EvalSymlinks(path); err == nil {
				path = target
			}
			dirs = append(dirs, filepath.Dir(path))
		}
	}
	var found []binaries
	for _, dir := range dirs {
		b := binaries{postgres: filepath.Join(dir, "postgres"), initdb: filepath.Join(dir, "initdb")}
		if !exists(b.postgres) || !exists(b.initdb) {
			continue
		}
		out, err := exec.CommandContext(ctx, b.postgres, "--version").Output()
		if err != nil {
			return binaries{}, fmt.Errorf("couldn't ask %s for its version: %w", b.postgres, err)
		}
		m := versionPattern.FindSubmatch(out)
		if m == nil {
			return binaries{}, fmt.Errorf("couldn't read the version of %s from %q", b.postgres, out)
		}
		b.version, _ = strconv.Atoi(string(m[1])) // digits by the pattern
		found = append(found, b)
	}
	if len(found) == 0 {
		where := dir
		if where == "" {
			where = installations + " or on PATH"
		}
		return binaries{}, fmt.Errorf("couldn't find PostgreSQL's programs postgres and initdb in %s: install PostgreSQL %d or newer (on Debian: apt-get install postgresql), or name a running server", where, MinVersion)
	}
	slices.SortStableFunc(found, func(a, b binaries) int { return b.version - a.version })
	if newest := found[0]; newest.version < MinVersion {
		return binaries{}, fmt.Errorf("couldn't use PostgreSQL %d in %s: attestlog needs version %d or newer", newest.version, filepath.Dir(newest.postgres), MinVersion)
	}
	if have == 0 {
		return found[0], nil
	}
	for _, b := range found {
		if b.version == have {
			return b, nil
		}
	}
	return binaries{}, fmt.Errorf("couldn't start PostgreSQL %d on a data directory made by version %d: install version %d or run pg_upgrade", found[0].version, have, have)
}
