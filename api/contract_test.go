package api

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/go-chi/chi/v5"
)

// contract holds traffic against openapi.yaml.
type contract struct {
	t      testing.TB
	doc    *openapi3.T
	routes chi.Router
}

func readContract(t testing.TB) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(openAPI)
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(context.Background()); err != nil {
		t.Fatal(err)
	}
	return doc
}

// serve runs an API whose whole traffic is held against the contract, until the test ends.
func serve(t testing.TB, cfg Config) *httptest.Server {
	t.Helper()
	s, err := newServer(cfg)
	if err != nil {
		t.Fatal(err)
	}
	c := &contract{t: t, doc: readContract(t), routes: s.routes}
	server := httptest.NewServer(c.check(s.routes))
	t.Cleanup(server.Close)
	return server
}

// documented turns a pattern of chi into a path of OpenAPI, which has no name for the rest of a path.
func documented(pattern string) string { return strings.ReplaceAll(pattern, "*", "{tile}") }

func (c *contract) check(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent, err := io.ReadAll(r.Body)
		if err != nil { // the client broke off: the handler is to see it too
			r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(sent), brokenReader{err}))
			next.ServeHTTP(w, r)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(sent))
		answer := httptest.NewRecorder()
		next.ServeHTTP(answer, r)
		c.hold(r, sent, answer)
		for name, values := range answer.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
	})
}

type brokenReader struct{ err error }

func (b brokenReader) Read([]byte) (int, error) { return 0, b.err }

// hold checks one exchange: an answer is always as documented, and a request that isn't is refused.
func (c *contract) hold(r *http.Request, sent []byte, answer *httptest.ResponseRecorder) {
	if r.Method == http.MethodOptions {
		return
	}
	where := r.Method + " " + r.URL.String()
	route, params := c.find(r)
	if route == nil {
		if answer.Code != http.StatusNotFound && answer.Code != http.StatusMethodNotAllowed {
			c.t.Errorf("%s: answered with %d, and is not in openapi.yaml", where, answer.Code)
		}
		if r.Method != http.MethodHead {
			c.holdProblem(where, answer)
		}
		return
	}
	request := r.Clone(context.Background())
	request.Body = io.NopCloser(bytes.NewReader(sent))
	in := &openapi3filter.RequestValidationInput{Request: request, PathParams: params, Route: route,
		Options: &openapi3filter.Options{IncludeResponseStatus: true}}
	if err := openapi3filter.ValidateRequest(context.Background(), in); err != nil && !refused(answer) {
		c.t.Errorf("%s: answered with %d, but the request is not as documented: %v", where, answer.Code, err)
	}
	out := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: answer.Code, Header: answer.Header(), Options: in.Options}
	out.SetBodyBytes(answer.Body.Bytes())
	if err := openapi3filter.ValidateResponse(context.Background(), out); err != nil {
		c.t.Errorf("%s: the answer is not as documented: %v\n%s", where, err, answer.Body)
	}
}

// refused tells whether an answer refuses the request or, of a batch, a part of it.
func refused(answer *httptest.ResponseRecorder) bool {
	return answer.Code >= 400 || bytes.Contains(answer.Body.Bytes(), []byte(`"problem":`))
}

func (c *contract) find(r *http.Request) (*routers.Route, map[string]string) {
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	path := r.URL.Path
	if r.URL.RawPath != "" {
		path = r.URL.RawPath
	}
	match := chi.NewRouteContext()
	pattern := documented(c.routes.Find(match, method, path))
	item := c.doc.Paths.Value(pattern)
	if item == nil || item.GetOperation(method) == nil {
		return nil, nil
	}
	params := map[string]string{}
	for i, name := range match.URLParams.Keys {
		params[strings.ReplaceAll(name, "*", "tile")] = match.URLParams.Values[i]
	}
	return &routers.Route{Spec: c.doc, Path: pattern, PathItem: item, Method: method, Operation: item.GetOperation(method)}, params
}

func (c *contract) holdProblem(where string, answer *httptest.ResponseRecorder) {
	if got := answer.Header().Get("Content-Type"); got != "application/problem+json" {
		c.t.Errorf("%s: the answer %d has the content type %q", where, answer.Code, got)
		return
	}
	var value any
	if err := jsonInto(answer.Body.Bytes(), &value); err != nil {
		c.t.Errorf("%s: %v", where, err)
		return
	}
	if err := c.doc.Components.Schemas["Problem"].Value.VisitJSON(value, openapi3.EnableJSONSchema2020()); err != nil {
		c.t.Errorf("%s: not a problem: %v", where, err)
	}
}

// TestEveryRouteIsDocumented holds the router's routes against the document's paths, both ways.
func TestEveryRouteIsDocumented(t *testing.T) {
	s, err := newServer(Config{Ledger: &stub{}})
	if err != nil {
		t.Fatal(err)
	}
	var served, written []string
	err = chi.Walk(s.routes, func(method, pattern string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		served = append(served, method+" "+documented(pattern))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for path, item := range readContract(t).Paths.Map() {
		for method := range item.Operations() {
			written = append(written, method+" "+path)
		}
	}
	slices.Sort(served)
	slices.Sort(written)
	if !slices.Equal(served, written) {
		t.Errorf("the router serves\n%s\nand openapi.yaml has\n%s", strings.Join(served, "\n"), strings.Join(written, "\n"))
	}
}
