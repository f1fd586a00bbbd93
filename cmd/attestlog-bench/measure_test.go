package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
)

func TestSeries(t *testing.T) {
	tests := []struct {
		name           string
		s              series
		median, p50    float64
		p99, leastMost string
	}{
		{"one value is all of them", series{7}, 7, 7, "7", "7–7"},
		{"odd", series{9, 1, 5}, 5, 5, "9", "1–9"},
		{"even: the median lies between, the quantile is a value", series{1, 2, 3, 10}, 2.5, 2, "10", "1–10"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := slices.Clone(tt.s)
			if got := tt.s.median(); got != tt.median {
				t.Errorf("median %v, want %v", got, tt.median)
			}
			if got := tt.s.quantile(.5); got != tt.p50 {
				t.Errorf("p50 %v, want %v", got, tt.p50)
			}
			if got := short(tt.s.quantile(.99)); got != tt.p99 {
				t.Errorf("p99 %v, want %v", got, tt.p99)
			}
			if got := tt.s.span(); got != tt.leastMost {
				t.Errorf("span %v, want %v", got, tt.leastMost)
			}
			if !slices.Equal(tt.s, before) {
				t.Errorf("the series was put in order: %v", tt.s)
			}
		})
	}
	t.Run("of a hundred", func(t *testing.T) {
		var s series
		for i := range 100 {
			s = append(s, float64(100-i))
		}
		if got := s.quantile(.99); got != 99 {
			t.Errorf("p99 of 1 to 100 is %v, want 99: one in a hundred is above", got)
		}
	})
	t.Run("empty", func(t *testing.T) {
		if got := (series{}).median(); !math.IsNaN(got) {
			t.Errorf("median of nothing is %v", got)
		}
		if got := (series{}).quantile(.5); !math.IsNaN(got) {
			t.Errorf("p50 of nothing is %v", got)
		}
	})
	t.Run("ratios are taken round by round", func(t *testing.T) {
		if got := (series{2, 30}).over(series{1, 10}); !slices.Equal(got, series{2, 3}) {
			t.Errorf("got %v", got)
		}
		if got := (series{2, 30}).over(series{1}); got != nil {
			t.Errorf("got %v of different rounds", got)
		}
	})
}

func TestInterleave(t *testing.T) {
	var order []string
	note := func(name string) measure {
		return func(context.Context) error { order = append(order, name); return nil }
	}
	if err := interleave(t.Context(), plan{rounds: 3}, note("a"), note("b")); err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(order, ""), "abbaab"; got != want {
		t.Errorf("order %s, want %s", got, want)
	}
	failure := errors.New("it broke")
	if err := interleave(t.Context(), plan{rounds: 3}, func(context.Context) error { return failure }); !errors.Is(err, failure) {
		t.Errorf("got %v, want the measure's error", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	rounds := 0
	err := interleave(ctx, plan{rounds: 3}, func(context.Context) error { rounds++; cancel(); return nil })
	if !errors.Is(err, context.Canceled) || rounds != 1 {
		t.Errorf("got %v after %d rounds, want the context's error after one", err, rounds)
	}
}

func TestFigure(t *testing.T) {
	var out bytes.Buffer
	r := &report{out: &out}
	if err := r.figure("a/b/rate", "things/s", series{3, 1, 2}, series{4, 4, 5}, "made of %s", "air"); err != nil {
		t.Fatal(err)
	}
	var f figure
	d := json.NewDecoder(bytes.NewReader(out.Bytes()))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		t.Fatal(err)
	}
	if f.Name != "a/b/rate" || f.Unit != "things/s" || f.Value != 2 || f.Limit != 4 || f.Ratio != 0.5 {
		t.Errorf("got %+v", f)
	}
	for _, want := range []string{"made of air", "3 rounds: 1–3, limit 4–5", "ratio by round 0.25–0.75 with median 0.4", "cores"} {
		if !strings.Contains(f.Detail, want) {
			t.Errorf("the detail lacks %q: %s", want, f.Detail)
		}
	}
	if lines := strings.Count(out.String(), "\n"); lines != 1 {
		t.Errorf("a figure takes %d lines", lines)
	}
	if err := r.figure("a/b/rate", "things/s", series{1}, series{}, "without a limit"); err == nil {
		t.Error("a figure without a limit was reported")
	}
	if err := r.figure("a/b/rate", "things/s", series{1}, series{0}, "against zero"); err == nil {
		t.Error("an infinite ratio was reported")
	}
}

func TestRounded(t *testing.T) {
	tests := []struct{ x, want float64 }{
		{0, 0}, {1, 1}, {123456, 123456}, {123456.7, 123457}, {1.234567, 1.2346}, {0.0001234567, 0.00012346}, {-2.00004, -2},
	}
	for _, tt := range tests {
		if got := rounded(tt.x); math.Abs(got-tt.want) > 1e-12 {
			t.Errorf("rounded(%v) = %v, want %v", tt.x, got, tt.want)
		}
	}
}
