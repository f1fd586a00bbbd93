package cosign

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/attestlog/attestlog/ledger/verify"
)

// maxAnswer bounds a witness's answer, in bytes: a few signature lines.
const maxAnswer = 16 << 10

// staleError says that a witness cosigned a head of another size last than the request says.
type staleError struct{ size int64 }

func (e *staleError) Error() string {
	return fmt.Sprintf("the witness cosigned a tree of %d entries last", e.size)
}

// refusedError says that a witness holds the checkpoint for inconsistent with what it saw.
type refusedError struct{ status int }

func (e *refusedError) Error() string {
	return fmt.Sprintf("the witness answered %d: the checkpoint does not continue what it saw", e.status)
}

// ask sends one request and reads the answer: signature lines, or an error of the kinds above, or another.
func ask(ctx context.Context, client *http.Client, w *verify.Witness, r *verify.AddCheckpoint) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL.JoinPath("add-checkpoint").String(), bytes.NewReader(r.Encode()))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "text/plain; charset=utf-8")
	response, err := client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("couldn't reach the witness: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err != nil {
		return nil, fmt.Errorf("couldn't read the witness's answer: %w", err)
	}
	if len(body) > maxAnswer {
		return nil, fmt.Errorf("the witness's answer has more than %d bytes", maxAnswer)
	}
	switch response.StatusCode {
	case http.StatusOK:
		return body, nil
	case http.StatusConflict:
		size, isSize := bytes.CutSuffix(body, []byte("\n"))
		kind, _, _ := strings.Cut(response.Header.Get("Content-Type"), ";")
		if strings.TrimSpace(kind) == verify.SizeContentType && isSize {
			if n, err := verify.ParseSize(size); err == nil {
				return nil, &staleError{n}
			}
		}
		return nil, &refusedError{response.StatusCode}
	case http.StatusUnprocessableEntity:
		return nil, &refusedError{response.StatusCode}
	case http.StatusNotFound:
		return nil, errors.New("the witness answered 404: it doesn't know this log; its operator must add the log's key")
	case http.StatusForbidden:
		return nil, errors.New("the witness answered 403: it knows the log under another key")
	}
	return nil, fmt.Errorf("the witness answered %s", response.Status)
}
