package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// maxInProcess is how many bytes a handler may answer with, in memory: twice the largest bundle.
const maxInProcess = 64 << 20

// InProcess is a transport, for Options.HTTP, that asks a handler in this process instead of a server: for a program that serves a log and
// shows it, too, and must show nothing that others can't fetch. Nothing of the context but its end gets to the handler, and nothing of whom
// the program answers itself: give it a handler of its own, without quotas, and not one that asks this client in turn.
func InProcess(handler http.Handler) http.RoundTripper { return inProcess{handler} }

type inProcess struct{ handler http.Handler }

// RoundTrip implements http.RoundTripper.
func (t inProcess) RoundTrip(r *http.Request) (response *http.Response, err error) {
	asked := r.Clone(unvalued{r.Context()})
	asked.RequestURI = r.URL.RequestURI()
	asked.RemoteAddr = "127.0.0.1:0"
	asked.Host = r.URL.Host
	if asked.Body == nil {
		asked.Body = http.NoBody
	}
	defer asked.Body.Close()
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	w := &answerWriter{header: http.Header{}}
	defer func() {
		if v := recover(); v != nil {
			if aborted, ok := v.(error); !ok || !errors.Is(aborted, http.ErrAbortHandler) {
				panic(v)
			}
			response, err = nil, fmt.Errorf("couldn't get an answer to %s: %w", r.URL.Path, http.ErrAbortHandler)
		}
	}()
	t.handler.ServeHTTP(w, asked)
	if w.err != nil {
		return nil, w.err
	}
	w.WriteHeader(http.StatusOK)
	body := w.body.Bytes()
	if r.Method == http.MethodHead {
		body = nil
	}
	return &http.Response{
		Status: fmt.Sprintf("%d %s", w.status, http.StatusText(w.status)), StatusCode: w.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: w.sent, Request: r,
		Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
	}, nil
}

// unvalued is a context without its values: routers and middleware keep state of their own request in them.
type unvalued struct{ context.Context }

func (unvalued) Value(any) any { return nil }

// answerWriter keeps an answer in memory.
type answerWriter struct {
	header http.Header // as the handler changes it
	sent   http.Header // as it was when the answer began
	status int         // 0 before that
	body   bytes.Buffer
	err    error
}

// Header implements http.ResponseWriter.
func (w *answerWriter) Header() http.Header { return w.header }

// WriteHeader implements http.ResponseWriter.
func (w *answerWriter) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status, w.sent = status, w.header.Clone()
	}
}

// Write implements http.ResponseWriter.
func (w *answerWriter) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if w.err == nil && w.body.Len()+len(b) > maxInProcess {
		w.err = fmt.Errorf("the answer has more than %d bytes", maxInProcess)
	}
	if w.err != nil {
		return 0, w.err
	}
	return w.body.Write(b)
}
