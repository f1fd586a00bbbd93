package status

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// MaxEvidence bounds a file of evidence, in bytes: two notes, or an entry as it was served.
const MaxEvidence = 1 << 20

// Client asks a monitor.
type Client struct {
	base *url.URL
	http *http.Client
}

// NewClient makes a client of the monitor at a base URL, such as https://monitor.example/. The HTTP client's timeout, or a context's, says how long an answer may take.
func NewClient(base string, client *http.Client) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("that can't be the address of a monitor: want http://HOST/ or https://HOST/")
	}
	if !strings.HasSuffix(u.Path, "/") {
		u.Path += "/"
	}
	return &Client{u, client}, nil
}

// Host names the monitor by its host and path, without a user's name and password.
func (c *Client) Host() string { return c.base.Host + strings.TrimSuffix(c.base.Path, "/") }

// Report asks for the monitor's report: of one log, by its origin, or of all where that is empty.
func (c *Client) Report(ctx context.Context, origin string) (*Report, error) {
	query := url.Values{}
	if origin != "" {
		query.Set("log", origin)
	}
	body, err := c.get(ctx, "v1/status", query, MaxReport)
	if err != nil {
		return nil, err
	}
	return Parse(body)
}

// Evidence fetches a file of an alarm's, by its name there.
func (c *Client) Evidence(ctx context.Context, a *Alarm, name string) ([]byte, error) {
	if !evidence(name) {
		return nil, fmt.Errorf("%q is no name of evidence", name)
	}
	return c.get(ctx, "v1/evidence/"+LogDir(a.Log)+"/"+strings.TrimPrefix(name, "evidence/"), nil, MaxEvidence)
}

func (c *Client) get(ctx context.Context, path string, query url.Values, most int64) ([]byte, error) {
	address := c.base.JoinPath(path)
	address.RawQuery = query.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("couldn't ask the monitor: %w", err)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, fmt.Errorf("couldn't ask the monitor: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("couldn't ask the monitor: it answers %d", response.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, most+1))
	if err != nil {
		return nil, fmt.Errorf("couldn't ask the monitor: %w", err)
	}
	if int64(len(body)) > most {
		return nil, fmt.Errorf("the monitor's answer has more than %d bytes", most)
	}
	return body, nil
}
