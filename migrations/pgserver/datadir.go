package pgserver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// minFree is the least free space with which a start is tried. An empty cluster takes 40 MB, its write-ahead log 16 MB
// at least; a server that runs out of space stops in the middle of something.
const minFree = 256 << 20

// maxSocketPath is the length of sun_path in a Unix socket address, less the final zero byte.
const maxSocketPath = 107

// dataDir is a PostgreSQL data directory and the user that it belongs to.
type dataDir struct {
	path    string
	version int    // major version that initialized it; 0 when it is empty
	owner   *owner // nil: the user that we run as
}

// owner is an unprivileged user.
type owner struct {
	name     string
	uid, gid int
}

// openDataDir makes the directory if it is missing, and finds out what it holds and who must own it.
func openDataDir(path string) (*dataDir, error) {
	// Those above must let the unprivileged user through; it is initdb that closes the directory itself.
	if err := os.MkdirAll(path, 0o711); err != nil {
		return nil, fmt.Errorf("couldn't make the data directory: %w", err)
	}
	var fs syscall.Statfs_t
	if err := syscall.Statfs(path, &fs); err != nil {
		return nil, fmt.Errorf("couldn't look at the disk of %s: %w", path, err)
	}
	if free := fs.Bavail * uint64(fs.Bsize); free < minFree {
		return nil, fmt.Errorf("couldn't use %s: the disk has %d MB free, and %d MB are needed", path, free>>20, minFree>>20)
	}
	d := &dataDir{path: path}
	names, err := os.ReadDir(path)
	if err != nil {
		return nil, fmt.Errorf("couldn't read the data directory: %w", err)
	}
	if len(names) > 0 {
		if d.version, err = readVersion(path); err != nil {
			return nil, err
		}
	}
	if os.Geteuid() != 0 {
		return d, nil
	}
	if d.owner, err = d.unprivileged(); err != nil {
		return nil, err
	}
	if d.version == 0 {
		if err := os.Chown(path, d.owner.uid, d.owner.gid); err != nil {
			return nil, fmt.Errorf("couldn't hand the data directory to user %s: %w", d.owner.name, err)
		}
	}
	return d, d.owner.canReach(filepath.Dir(path))
}

func readVersion(dir string) (int, error) {
	b, err := os.ReadFile(filepath.Join(dir, "PG_VERSION"))
	if errors.Is(err, os.ErrNotExist) {
		return 0, fmt.Errorf("couldn't use %s as a data directory: it holds files that aren't PostgreSQL's", dir)
	}
	if err != nil {
		return 0, fmt.Errorf("couldn't read the data directory: %w", err)
	}
	version, err := strconv.Atoi(string(bytes.TrimSpace(b)))
	if err != nil {
		return 0, fmt.Errorf("couldn't use %s as a data directory: PG_VERSION says %q", dir, b)
	}
	return version, nil
}

// unprivileged picks the user for a server that root starts.
func (d *dataDir) unprivileged() (*owner, error) {
	if d.version != 0 {
		info, err := os.Stat(filepath.Join(d.path, "PG_VERSION"))
		if err != nil {
			return nil, fmt.Errorf("couldn't read the data directory: %w", err)
		}
		if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Uid != 0 {
			name := strconv.Itoa(int(st.Uid))
			if u, err := user.LookupId(name); err == nil {
				name = u.Username
			}
			return &owner{name: name, uid: int(st.Uid), gid: int(st.Gid)}, nil
		}
		return nil, fmt.Errorf("couldn't use %s: it belongs to root, and PostgreSQL won't run as root: chown it to an ordinary user", d.path)
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uidErr := strconv.Atoi(u.Uid)
		gid, gidErr := strconv.Atoi(u.Gid)
		if uidErr == nil && gidErr == nil && uid != 0 {
			return &owner{name: name, uid: uid, gid: gid}, nil
		}
	}
	return nil, errors.New("couldn't start PostgreSQL as root: there is neither a user postgres nor nobody to run it as")
}

// canReach says which of the directories above the data directory shuts the user out.
func (o *owner) canReach(dir string) error {
	for ; ; dir = filepath.Dir(dir) {
		info, err := os.Stat(dir)
		if err != nil {
			return fmt.Errorf("couldn't look at %s: %w", dir, err)
		}
		st, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			return nil
		}
		bit := os.FileMode(0o001)
		switch {
		case int(st.Uid) == o.uid:
			bit = 0o100
		case int(st.Gid) == o.gid:
			bit = 0o010
		}
		if info.Mode()&bit == 0 {
			return fmt.Errorf("couldn't run PostgreSQL as user %s: %s is closed to that user (mode %04o): choose another data directory", o.name, dir, info.Mode().Perm())
		}
		if dir == filepath.Dir(dir) {
			return nil
		}
	}
}

// initialize runs initdb. One that fails half-way removes what it made.
func (d *dataDir) initialize(ctx context.Context, bin binaries) error {
	args := []string{"-D", d.path, "-U", superuser, "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-instructions"}
	cmd := exec.CommandContext(ctx, bin.initdb, args...)
	cmd.Dir = "/"
	cmd.Env = environment()
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	if d.owner != nil {
		cmd.SysProcAttr.Credential = d.owner.credential()
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("couldn't initialize the data directory %s: %s (%w)", d.path, lastLine(string(out)), err)
	}
	return nil
}

func (o *owner) credential() *syscall.Credential {
	return &syscall.Credential{Uid: uint32(o.uid), Gid: uint32(o.gid)}
}

// environment is ours without what would lead PostgreSQL astray, and with messages in English, which we read.
func environment() []string {
	env := []string{"LC_ALL=C"}
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "PG") && !strings.HasPrefix(kv, "LC_") && !strings.HasPrefix(kv, "LANG") {
			env = append(env, kv)
		}
	}
	return env
}

// awaitRelease gives a predecessor that is just going down a few seconds to leave the directory. A lock file left by a
// crash doesn't count: PostgreSQL sees that itself.
func (d *dataDir) awaitRelease(ctx context.Context) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	patience := time.After(5 * time.Second)
	for {
		pid, running := d.holder()
		if !running {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		case <-patience:
			return fmt.Errorf("couldn't use the data directory %s: it is in use by PostgreSQL, process %d", d.path, pid)
		}
	}
}

// holder returns the process named in postmaster.pid, and whether it runs.
func (d *dataDir) holder() (pid int, running bool) {
	b, err := os.ReadFile(filepath.Join(d.path, "postmaster.pid"))
	if err != nil {
		return 0, false
	}
	first, _, _ := strings.Cut(string(b), "\n")
	pid, err = strconv.Atoi(strings.TrimSpace(first))
	if err != nil || pid <= 1 || pid == os.Getpid() {
		return 0, false
	}
	err = syscall.Kill(pid, 0)
	if err != nil && !errors.Is(err, syscall.EPERM) {
		return pid, false
	}
	// The number may have gone to another program since the crash, typically in a container that starts anew.
	comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	return pid, err != nil || strings.HasPrefix(string(comm), "postgres")
}

// socketDir is the data directory itself, which nobody else may enter, where the socket's path fits into an address,
// and otherwise a short directory of our own.
func (d *dataDir) socketDir() (dir string, cleanup func(), err error) {
	const file = "/.s.PGSQL." + port
	if len(d.path)+len(file) <= maxSocketPath && !strings.ContainsAny(d.path, `"\`) {
		return d.path, func() {}, nil
	}
	for _, parent := range []string{os.TempDir(), "/tmp"} {
		if dir, err = os.MkdirTemp(parent, "attestlog-pg-"); err != nil {
			continue
		}
		if len(dir)+len(file) <= maxSocketPath {
			break
		}
		os.Remove(dir)
		err = fmt.Errorf("the path of %s is too long for a Unix socket", dir)
	}
	if err != nil {
		return "", nil, fmt.Errorf("couldn't make a directory for PostgreSQL's socket: %w", err)
	}
	cleanup = func() { os.RemoveAll(dir) }
	if d.owner != nil {
		if err := os.Chown(dir, d.owner.uid, d.owner.gid); err != nil {
			cleanup()
			return "", nil, fmt.Errorf("couldn't hand the socket's directory to user %s: %w", d.owner.name, err)
		}
	}
	return dir, cleanup, nil
}
