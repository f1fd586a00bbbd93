package client

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/attestlog/attestlog/durable"
	"github.com/attestlog/attestlog/ledger/event"
)

// snapshot is all that a source must not forget: where its chain stands, and what it may have sent without knowing the answer.
type snapshot struct {
	Log    string       `json:"log"`
	Source string       `json:"source"`
	Seq    int64        `json:"seq"`  // the next event's number, after all that is acknowledged
	Prev   event.Digest `json:"prev"` // the last acknowledged event
	Head   []byte       `json:"head,omitempty"`
	// Pending are submissions in the order of their numbers, from Seq on: sent again byte for byte until they are answered.
	Pending []json.RawMessage `json:"pending,omitempty"`
	// Waiting are payloads that were refused a place, and wait for new numbers.
	Waiting [][]byte `json:"waiting,omitempty"`
	// Sealed are the sealed witnesses of those that wait, by place; empty for events without one, absent if none has one.
	Sealed [][]byte `json:"sealed,omitempty"`
}

// journal keeps a source's snapshots on disk, appended: the last whole one counts. Each is framed by its length and CRC-32C. A
// snapshot that must not be lost is fsynced before anything is done on its strength, so that whatever is torn at the end of the
// file after a crash was never acted on.
type journal struct {
	path string
	lock *os.File
	file *os.File
	size int64
}

const (
	frame = 8 // bytes of length and checksum
	// maxSnapshot bounds a snapshot in bytes: two batches, base64 in JSON.
	maxSnapshot = 256 << 20
	// compactAt is the size in bytes from which the file is written anew.
	compactAt = 16 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// ErrLocked says that another process has the source open.
var ErrLocked = errors.New("another process uses this source's state")

// openJournal locks and reads a source's state. last is nil if there is none yet.
func openJournal(path string) (j *journal, last *snapshot, err error) {
	lock, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, nil, fmt.Errorf("couldn't lock the source's state: %w", err)
	}
	j = &journal{path: path, lock: lock}
	defer func() {
		if err != nil {
			err = errors.Join(err, j.close())
		}
	}()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = ErrLocked
		}
		return j, nil, fmt.Errorf("couldn't lock %s: %w", path, err)
	}
	if err := os.Remove(path + ".new"); err != nil && !errors.Is(err, fs.ErrNotExist) { // of a compaction that didn't finish
		return j, nil, fmt.Errorf("couldn't read the source's state: %w", err)
	}
	if j.file, err = os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return j, nil, fmt.Errorf("couldn't open the source's state: %w", err)
	}
	if last, err = j.read(); err != nil {
		return j, nil, fmt.Errorf("couldn't read the source's state in %s: %w", path, err)
	}
	return j, last, durable.SyncFolder(filepath.Dir(path))
}

// read finds the last whole snapshot and cuts off what follows it.
func (j *journal) read() (*snapshot, error) {
	info, err := j.file.Stat()
	if err != nil {
		return nil, err
	}
	var last *snapshot
	var head [frame]byte
	for {
		if _, err := j.file.ReadAt(head[:], j.size); err != nil {
			if errors.Is(err, io.EOF) {
				break
			}
			return nil, err
		}
		n := int64(binary.BigEndian.Uint32(head[:4]))
		if n == 0 || n > maxSnapshot || j.size+frame+n > info.Size() {
			break
		}
		body := make([]byte, n)
		if _, err := j.file.ReadAt(body, j.size+frame); err != nil {
			return nil, err
		}
		if crc32.Checksum(body, castagnoli) != binary.BigEndian.Uint32(head[4:]) {
			break
		}
		next := new(snapshot)
		if err := json.Unmarshal(body, next); err != nil {
			return nil, fmt.Errorf("a snapshot can't be read: %w", err)
		}
		last = next
		j.size += frame + n
	}
	if err := j.file.Truncate(j.size); err != nil {
		return nil, err
	}
	return last, j.file.Sync()
}

// append adds a snapshot; durable ones are on disk when it returns.
func (j *journal) append(s *snapshot, durable bool) error {
	body, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("couldn't encode the source's state: %w", err)
	}
	framed := make([]byte, frame, frame+len(body))
	binary.BigEndian.PutUint32(framed, uint32(len(body)))
	binary.BigEndian.PutUint32(framed[4:], crc32.Checksum(body, castagnoli))
	framed = append(framed, body...)
	if j.size+int64(len(framed)) > compactAt && j.size > 0 {
		err = j.compact(framed)
	} else {
		err = j.extend(framed, durable)
	}
	if err != nil {
		return fmt.Errorf("couldn't write the source's state: %w", err)
	}
	return nil
}

func (j *journal) extend(framed []byte, durable bool) error {
	if _, err := j.file.WriteAt(framed, j.size); err != nil {
		return err
	}
	j.size += int64(len(framed))
	if !durable {
		return nil
	}
	return j.file.Sync()
}

// compact writes a file with this snapshot alone and puts it in the place of the old one.
func (j *journal) compact(framed []byte) error {
	fresh, err := os.OpenFile(j.path+".new", os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	_, err = fresh.WriteAt(framed, 0)
	if err == nil {
		err = fresh.Sync()
	}
	if err == nil {
		err = os.Rename(j.path+".new", j.path)
	}
	if err != nil {
		return errors.Join(err, fresh.Close())
	}
	old := j.file
	j.file, j.size = fresh, int64(len(framed))
	return errors.Join(durable.SyncFolder(filepath.Dir(j.path)), old.Close())
}

// close lets go of the file and of its lock.
func (j *journal) close() error {
	var err error
	if j.file != nil {
		err = j.file.Close()
	}
	return errors.Join(err, j.lock.Close())
}
