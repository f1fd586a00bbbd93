package pgserver

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// ErrNotRunning says that no server runs on a data directory.
var ErrNotRunning = errors.New("no PostgreSQL runs there")

// RunningURL is the connection string of the database "attestlog" on the server that another process runs on a data directory. It is good
// for root and for the user that the server runs as: nobody else can enter the socket's directory.
func RunningURL(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("couldn't find the data directory %s: %w", dir, err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "postmaster.pid"))
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%w: %s", ErrNotRunning, dir)
	}
	if err != nil {
		return "", fmt.Errorf("couldn't look for a PostgreSQL in %s: %w", dir, err)
	}
	if _, running := (&dataDir{path: dir}).holder(); !running {
		return "", fmt.Errorf("%w any more: %s", ErrNotRunning, dir)
	}
	// PostgreSQL's own format: process, data directory, start, port, socket's directory, and more; one a line.
	lines := strings.Split(string(b), "\n")
	const socketLine = 4
	if len(lines) <= socketLine || lines[socketLine] == "" {
		return "", fmt.Errorf("couldn't use the PostgreSQL in %s yet: it is starting", dir)
	}
	return (&Server{socket: lines[socketLine]}).URL(), nil
}
