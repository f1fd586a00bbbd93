package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"

	"github.com/go-chi/chi/v5/middleware"

	"github.com/attestlog/attestlog/api/client"
)

// failure is why there is no page: what the reader is told, and what only the operator is.
type failure struct {
	status        int
	title, detail string
	alarm         bool  // the log said what an honest one can't
	err           error // for the operator; may be nil
}

func (f *failure) Error() string {
	if f.err != nil {
		return f.err.Error()
	}
	return f.detail
}

func (f *failure) Unwrap() error { return f.err }

// notFound says that the log has no such thing, and what would help.
func notFound(detail string, args ...any) error {
	return &failure{status: http.StatusNotFound, title: "Not found", detail: fmt.Sprintf(detail, args...)}
}

// badRequest says what is wrong with an address or a form.
func badRequest(detail string, args ...any) error {
	return &failure{status: http.StatusBadRequest, title: "This can’t be asked", detail: fmt.Sprintf(detail, args...)}
}

// explain makes a failure of any error: the one place where errors become what a reader sees. What isn't known for something else
// is trouble with reaching the log.
func explain(err error) *failure {
	var f *failure
	var problem *client.Problem
	var alarm *client.Alarm
	switch {
	case errors.As(err, &f):
		return f
	case errors.As(err, &alarm):
		return &failure{status: http.StatusBadGateway, title: "The log said what an honest log can’t", alarm: true, err: err,
			detail: alarm.What + ". What the log answered is not shown. Tell whoever monitors this log, and keep the time of day."}
	case errors.As(err, &problem) && problem.Status == http.StatusNotFound:
		return &failure{status: http.StatusNotFound, title: "Not found", detail: problem.Detail, err: err}
	case errors.As(err, &problem) && problem.Status == http.StatusBadRequest:
		return &failure{status: http.StatusBadRequest, title: "This can’t be asked", detail: problem.Detail, err: err}
	case errors.Is(err, client.ErrUnpublished):
		return &failure{status: http.StatusServiceUnavailable, title: "Not published yet", err: err,
			detail: "The log has this entry, and has published no signed head yet that holds it. Try again in a few seconds."}
	case errors.Is(err, context.DeadlineExceeded):
		return &failure{status: http.StatusServiceUnavailable, title: "The log can’t be reached", err: err,
			detail: "The log didn’t answer in time. Nothing is known to be wrong with what it holds. Try again in a minute."}
	}
	return &failure{status: http.StatusServiceUnavailable, title: "The log can’t be reached", err: err,
		detail: "The log gave no usable answer. Nothing is known to be wrong with what it holds. Try again in a minute."}
}

// handle makes a handler of one that returns errors. A panic becomes an error page, or a broken connection where an answer had begun:
// nothing must look whole that isn't.
func (v *viewer) handle(serve func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		w := middleware.NewWrapResponseWriter(rw, r.ProtoMajor)
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(p)
			}
			v.logger.LogAttrs(r.Context(), slog.LevelError, "panic", slog.String("panic", fmt.Sprint(p)), slog.String("stack", string(debug.Stack())))
			if w.Status() != 0 {
				panic(http.ErrAbortHandler)
			}
			v.fail(w, r, &failure{status: http.StatusInternalServerError, err: errors.New("the page's handler panicked")})
		}()
		if err := serve(w, r); err != nil {
			v.fail(w, r, err)
		}
	}
}

// fail answers with an error page.
func (v *viewer) fail(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(r.Context().Err(), context.Canceled) {
		return // nobody is there any more
	}
	f := explain(err)
	if f.status >= 500 {
		v.logger.LogAttrs(r.Context(), slog.LevelWarn, "page failed", slog.Int("status", f.status), slog.Any("error", err))
	}
	if f.title == "" {
		f.title, f.detail = "The viewer failed", "This page couldn’t be made. The cause is in the server’s log."
	}
	if f.status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "5")
	}
	data := struct {
		Title, Detail string
		Alarm         bool
		Status        int
	}{f.title, f.detail, f.alarm, f.status}
	if again := v.render(w, r, "error.html", content{Title: f.title, Data: data, status: f.status}); again != nil {
		v.logger.LogAttrs(r.Context(), slog.LevelError, "couldn't render an error page", slog.Any("error", again))
		http.Error(w, f.title, f.status)
	}
}
