package webtest

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
)

// alterer is a transport that changes what comes back.
type alterer struct {
	base  http.RoundTripper
	alter func(path string, body []byte) []byte
}

// RoundTrip implements http.RoundTripper.
func (a alterer) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := a.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(answer.Body)
	if closing := answer.Body.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return nil, err
	}
	body = a.alter(r.URL.Path, body)
	answer.Body, answer.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	answer.Header.Set("Content-Length", strconv.Itoa(len(body)))
	return answer, nil
}
