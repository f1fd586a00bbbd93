package client

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/attestlog/attestlog/ledger/event"
)

// ProvingKey opens a statement's proving key for reading, from a byte on (0: all of it). Connections that break are taken up
// again where they broke. Read from the start, the reader checks the key's SHA-256 and ends in an *Alarm instead of io.EOF if it is another
// one; read from elsewhere, check it yourself against Claims.ProvingKey before use.
func (c *Client) ProvingKey(ctx context.Context, s *Statement, offset int64) (io.ReadCloser, error) {
	if s.Claims.Proves == event.Custom {
		return nil, fmt.Errorf("couldn't read the proving key of %s: it was imported, with its verifying key alone; whoever made its circuit has it", s.Claims.Name)
	}
	if offset < 0 || offset > s.Claims.ProvingKeySize {
		return nil, fmt.Errorf("couldn't read the proving key from byte %d: it has %d", offset, s.Claims.ProvingKeySize)
	}
	k := &keyReader{client: c, ctx: ctx, statement: s, at: offset}
	if offset == 0 {
		k.hash = sha256.New()
	}
	if offset == s.Claims.ProvingKeySize {
		return k, nil
	}
	return k, k.reconnect()
}

// keyReader reads a proving key over as many connections as it takes.
type keyReader struct {
	client    *Client
	ctx       context.Context
	statement *Statement
	at        int64
	body      io.ReadCloser // nil between connections
	hash      hash.Hash     // nil if not read from the start
	tries     int           // since something last arrived
}

func (k *keyReader) Read(b []byte) (int, error) {
	size := k.statement.Claims.ProvingKeySize
	for {
		if k.at == size {
			return 0, k.finish()
		}
		if k.body == nil {
			if err := k.reconnect(); err != nil {
				return 0, err
			}
		}
		n, err := k.body.Read(b[:min(int64(len(b)), size-k.at)])
		if n > 0 {
			if k.hash != nil {
				k.hash.Write(b[:n])
			}
			k.at += int64(n)
			k.tries = 0
			return n, nil
		}
		if err == nil {
			continue
		}
		_ = k.Close()
		if err := k.pause(&brokenError{k.path(), err}); err != nil {
			return 0, err
		}
	}
}

// finish ends the reading, with an alarm if this was not the key.
func (k *keyReader) finish() error {
	if k.hash == nil {
		return io.EOF
	}
	if got := k.hash.Sum(nil); !bytes.Equal(got, k.statement.Claims.ProvingKey[:]) {
		return alarm(nil, "the proving key has the SHA-256 %x, and statement %s says %s", got, k.statement.Digest, k.statement.Claims.ProvingKey)
	}
	return io.EOF
}

func (k *keyReader) path() string {
	return "v1/statements/" + k.statement.Digest.String() + "/proving-key"
}

// pause waits before the next try, or says that there is none.
func (k *keyReader) pause(cause error) error {
	wait, again := k.client.again(k.ctx, cause, k.tries)
	if !again {
		return cause
	}
	k.tries++
	return sleep(k.ctx, wait)
}

// reconnect asks for the rest of the key. If-Range makes a server that has another key answer with all of it, which is noticed.
func (k *keyReader) reconnect() error {
	for {
		err := k.connect()
		if err == nil {
			return nil
		}
		if err := k.pause(err); err != nil {
			return err
		}
	}
}

func (k *keyReader) connect() error {
	etag := `"` + k.statement.Claims.ProvingKey.String() + `"`
	r := &request{method: http.MethodGet, path: k.path(), accept: "application/octet-stream"}
	want := http.StatusOK
	if k.at > 0 {
		r.header = http.Header{"Range": {"bytes=" + strconv.FormatInt(k.at, 10) + "-"}, "If-Range": {etag}}
		want = http.StatusPartialContent
	}
	response, err := k.client.send(k.ctx, r)
	if err != nil {
		return err
	}
	size := k.statement.Claims.ProvingKeySize
	switch {
	case response.StatusCode >= 300:
		body, err := io.ReadAll(io.LimitReader(response.Body, maxSmall))
		err = errors.Join(err, response.Body.Close())
		if err != nil {
			return &brokenError{r.path, err}
		}
		return readProblem(response.StatusCode, response.Header, body)
	case response.StatusCode != want:
		err = alarm(nil, "the log no longer has the proving key of statement %s", k.statement.Digest)
	case want == http.StatusPartialContent && !strings.HasPrefix(response.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-%d/%d", k.at, size-1, size)):
		err = alarm(nil, "the log answered with the range %q of a proving key of %d bytes", response.Header.Get("Content-Range"), size)
	case response.ContentLength >= 0 && response.ContentLength != size-k.at:
		err = alarm(nil, "the proving key has %d bytes from byte %d on, and statement %s says %d", response.ContentLength, k.at, k.statement.Digest, size-k.at)
	}
	if err != nil {
		return errors.Join(err, response.Body.Close())
	}
	k.body = response.Body
	return nil
}

// Close lets go of the connection.
func (k *keyReader) Close() error {
	if k.body == nil {
		return nil
	}
	body := k.body
	k.body = nil
	return body.Close()
}

// ProvingKeyOf is ProvingKey for who has only the statement's digest.
func (c *Client) ProvingKeyOf(ctx context.Context, vk event.Digest, offset int64) (io.ReadCloser, *Statement, error) {
	s, err := c.Statement(ctx, vk)
	if err != nil {
		return nil, nil, err
	}
	r, err := c.ProvingKey(ctx, s, offset)
	return r, s, err
}
