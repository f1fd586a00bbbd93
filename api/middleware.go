package api

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/attestlog/attestlog/ledger"
)

// requestIDHeader names a request, in the log and to the client.
const requestIDHeader = "X-Request-Id"

type requestIDKey struct{}

func requestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

// identify gives each request an id: the client's if it sent a sane one, so that it can follow a request across systems.
func identify(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get(requestIDHeader)
		if !saneRequestID(id) {
			id = strings.ToLower(rand.Text())
		}
		w.Header().Set(requestIDHeader, id)
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), requestIDKey{}, id)))
	})
}

func saneRequestID(id string) bool {
	for i := range len(id) {
		c := id[i]
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return len(id) > 0 && len(id) <= 64
}

// observe counts and logs each request: by its route, never by its path or its query, and without the client's address.
func (s *server) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		s.metrics.inFlight.Inc()
		wrapped := middleware.NewWrapResponseWriter(w, r.ProtoMajor)
		defer func() {
			s.metrics.inFlight.Dec()
			took := time.Since(began)
			route, method, status := s.routeOf(r), methodLabel(r.Method), wrapped.Status()
			if status == 0 {
				status = http.StatusOK
			}
			s.metrics.observe(route, method, status, took)
			s.logger.LogAttrs(r.Context(), levelOf(status), "request",
				slog.String("request", requestID(r.Context())), slog.String("method", method), slog.String("route", route),
				slog.Int("status", status), slog.Int("bytes", wrapped.BytesWritten()), slog.Duration("took", took))
		}()
		next.ServeHTTP(wrapped, r)
	})
}

// routeOf is the pattern that a request matched: a bounded set, unlike paths.
func (s *server) routeOf(r *http.Request) string {
	if pattern := chi.RouteContext(r.Context()).RoutePattern(); pattern != "" && pattern != "/*" {
		return pattern
	}
	if s.fallsBack(r) {
		return "viewer"
	}
	return "none"
}

func methodLabel(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return "other"
}

func levelOf(status int) slog.Level {
	if status >= 500 {
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// recoverPanics turns a panic of a handler into a 500, or into a broken connection where the answer had begun: an answer
// must not look whole when it isn't.
func (s *server) recoverPanics(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(v)
			}
			s.metrics.panics.Inc()
			s.logger.LogAttrs(r.Context(), slog.LevelError, "panic",
				slog.String("request", requestID(r.Context())), slog.String("panic", fmt.Sprint(v)), slog.String("stack", string(debug.Stack())))
			if wrapped, ok := w.(middleware.WrapResponseWriter); ok && wrapped.Status() != 0 {
				panic(http.ErrAbortHandler)
			}
			s.refuse(w, r, refusef(internalError, "The log failed to answer. Its operator finds the cause in the server's log, under the request id in the X-Request-Id header."))
		}()
		next.ServeHTTP(w, r)
	})
}

// share lets pages of any origin read (the log is public) and answers OPTIONS, preflights among them. Writing from a page of
// another origin is not allowed: no browser does it for an honest source.
func (s *server) share(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		switch r.Method {
		case http.MethodGet, http.MethodHead:
			h.Set("Access-Control-Allow-Origin", "*")
			h.Set("Access-Control-Expose-Headers", "Content-Range, ETag, Retry-After, "+requestIDHeader)
		case http.MethodOptions:
			allowed := s.allowed(r)
			if len(allowed) == 0 {
				s.notFound(w, r)
				return
			}
			h.Set("Allow", strings.Join(append(allowed, http.MethodOptions), ", "))
			if allowed[0] == http.MethodGet {
				h.Set("Access-Control-Allow-Origin", "*")
				h.Set("Access-Control-Allow-Methods", "GET, HEAD")
				h.Set("Access-Control-Allow-Headers", "Accept, If-None-Match, If-Range, Range, "+requestIDHeader)
				h.Set("Access-Control-Max-Age", "86400")
			}
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// allowed lists the methods of the resource that a request names, GET first; none if there is no such resource.
func (s *server) allowed(r *http.Request) []string {
	path := r.URL.Path
	if r.URL.RawPath != "" {
		path = r.URL.RawPath
	}
	var methods []string
	if s.routes.Match(chi.NewRouteContext(), http.MethodGet, path) {
		methods = append(methods, http.MethodGet, http.MethodHead)
	}
	if s.routes.Match(chi.NewRouteContext(), http.MethodPost, path) {
		methods = append(methods, http.MethodPost)
	}
	return methods
}

// bound gives a request its time: so much for its body to arrive, and as much again for its answer to be made and taken.
func (s *server) bound(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		now := time.Now()
		// A writer without deadlines (a test's recorder) has no slow client behind it either.
		_ = control.SetReadDeadline(now.Add(s.limits.Timeout))
		_ = control.SetWriteDeadline(now.Add(3 * s.limits.Timeout))
		ctx, cancel := context.WithTimeout(r.Context(), 2*s.limits.Timeout)
		defer cancel()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

func (s *server) notFound(w http.ResponseWriter, r *http.Request) {
	if s.fallsBack(r) {
		s.fallback.ServeHTTP(w, r)
		return
	}
	s.refuse(w, r, refusef(ledger.NotFound, "There is nothing at this path: /openapi.yaml lists what there is."))
}

// fallsBack tells whether a path that the API doesn't have is somebody else's to answer.
func (s *server) fallsBack(r *http.Request) bool {
	return s.fallback != nil && !strings.HasPrefix(r.URL.Path, "/v1/") && !strings.HasPrefix(r.URL.Path, "/tile/")
}

func (s *server) methodNotAllowed(w http.ResponseWriter, r *http.Request) {
	allowed := s.allowed(r)
	w.Header().Set("Allow", strings.Join(append(allowed, http.MethodOptions), ", "))
	s.refuse(w, r, refusef(methodNotAllowed, "This resource answers "+strings.Join(allowed, ", ")+"."))
}
