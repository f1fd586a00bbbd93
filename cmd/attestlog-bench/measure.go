package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"slices"
	"syscall"
	"time"
)

// figure is one line of the output.
type figure struct {
	Name   string  `json:"name"`  // area/case/quantity
	Unit   string  `json:"unit"`  // of value and limit
	Value  float64 `json:"value"` // median over the rounds
	Limit  float64 `json:"limit"` // what the same machine allowed in the same run; detail says what it is
	Ratio  float64 `json:"ratio"` // value / limit
	Detail string  `json:"detail"`
}

// series is what one measure gave, round by round.
type series []float64

func (s series) sorted() series { return slices.Sorted(slices.Values(s)) }

// quantile is the smallest value that at least the share q of the series does not exceed; NaN of an empty series.
func (s series) quantile(q float64) float64 {
	if len(s) == 0 {
		return math.NaN()
	}
	at := int(math.Ceil(q*float64(len(s)))) - 1
	return s.sorted()[min(max(at, 0), len(s)-1)]
}

// median is the middle value, or the mean of the two middle ones; NaN of an empty series.
func (s series) median() float64 {
	if len(s) == 0 {
		return math.NaN()
	}
	sorted := s.sorted()
	mid := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[mid]
	}
	return (sorted[mid-1] + sorted[mid]) / 2
}

// mean is the average; NaN of an empty series.
func (s series) mean() float64 {
	sum := 0.0
	for _, x := range s {
		sum += x
	}
	return sum / float64(len(s))
}

// over divides round by round; nothing where the rounds are not the same.
func (s series) over(limit series) (ratios series) {
	if len(s) != len(limit) {
		return nil
	}
	for i := range s {
		ratios = append(ratios, s[i]/limit[i])
	}
	return ratios
}

// scaled is the series in another unit.
func (s series) scaled(by float64) series {
	t := make(series, len(s))
	for i, x := range s {
		t[i] = x * by
	}
	return t
}

// span is the least and the greatest value, as text.
func (s series) span() string {
	if len(s) == 0 {
		return "none"
	}
	return short(slices.Min(s)) + "–" + short(slices.Max(s))
}

// short writes a number with four digits that count.
func short(x float64) string {
	if math.Abs(x) >= 1000 {
		return fmt.Sprintf("%.0f", x)
	}
	return fmt.Sprintf("%.4g", x)
}

// plan says how long to measure.
type plan struct {
	seconds float64 // for each case
	rounds  int     // at least so many
}

// slice is how long one case runs in one round.
func (p plan) slice() time.Duration {
	return max(time.Duration(p.seconds/float64(p.rounds)*float64(time.Second)), 10*time.Millisecond)
}

// measure runs one round of a case. What it gives is up to the caller, who collects it in a series.
type measure func(ctx context.Context) error

// interleave runs the measures in turn: whatever else the machine does, it does it to all of them. Every second round goes
// backwards, so that nobody always comes after the same neighbor. There are as many rounds as the plan says, and more, up to a
// thousand, while less than the plan's seconds a measure have passed.
func interleave(ctx context.Context, p plan, measures ...measure) error {
	budget := time.Duration(p.seconds * float64(len(measures)) * float64(time.Second))
	start := time.Now()
	for round := 0; round < p.rounds || round < 1000 && time.Since(start) < budget; round++ {
		for i := range measures {
			if round%2 == 1 {
				i = len(measures) - 1 - i
			}
			if err := measures[i](ctx); err != nil {
				return err
			}
			if err := ctx.Err(); err != nil {
				return err
			}
		}
	}
	return nil
}

// firstError is the first of the errors of many goroutines: what stops one mostly stops all, and a thousand times the same says no more.
func firstError(errs []error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// report writes figures to standard output, and everything else to standard error.
type report struct {
	out    io.Writer
	err    io.Writer
	pretty bool // columns for people instead of JSON
}

// figure reports the medians of a measure and of its limit. Both are in the given unit.
func (r *report) figure(name, unit string, value, limit series, detail string, args ...any) error {
	f := figure{Name: name, Unit: unit, Value: value.median(), Limit: limit.median(), Detail: fmt.Sprintf(detail, args...)}
	if len(value) > 1 || len(limit) > 1 {
		f.Detail += fmt.Sprintf("; medians of %d rounds: %s, limit %s", len(value), value.span(), limit.span())
		if ratios := value.over(limit); len(ratios) > 0 {
			f.Detail += fmt.Sprintf(", ratio by round %s with median %s", ratios.span(), short(ratios.median()))
		}
	}
	f.Detail += "; " + machine()
	return r.write(f)
}

func (r *report) write(f figure) error {
	f.Ratio = f.Value / f.Limit
	for _, x := range []float64{f.Value, f.Limit, f.Ratio} {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return fmt.Errorf("couldn't measure %s: got %v against %v", f.Name, f.Value, f.Limit)
		}
	}
	f.Value, f.Limit, f.Ratio = rounded(f.Value), rounded(f.Limit), rounded(f.Ratio)
	if r.pretty {
		_, err := fmt.Fprintf(r.out, "%-34s %12s %-12s limit %12s  ratio %7.3f  %s\n", f.Name, short(f.Value), f.Unit, short(f.Limit), f.Ratio, f.Detail)
		return err
	}
	enc := json.NewEncoder(r.out)
	enc.SetEscapeHTML(false)
	return enc.Encode(f)
}

// rounded keeps five digits, and all of those before the point: the rest is noise.
func rounded(x float64) float64 {
	if x == 0 {
		return 0
	}
	scale := math.Pow(10, max(4-math.Floor(math.Log10(math.Abs(x))), 0))
	return math.Round(x*scale) / scale
}

// cpuTime is what this process has computed so far, on all cores together. Unlike time on the wall it hardly depends on what else
// the machine does.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0 // it can't fail for the process itself
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// progress tells a person what is going on.
func (r *report) progress(format string, args ...any) {
	fmt.Fprintf(r.err, "attestlog-bench: "+format+"\n", args...)
}

// machine is what a figure can't be compared without.
func machine() string {
	return fmt.Sprintf("%d cores, %s/%s, %s", runtime.GOMAXPROCS(0), runtime.GOOS, runtime.GOARCH, runtime.Version())
}

// temporary makes a directory that the unprivileged user of a private PostgreSQL can pass through.
func temporary() (dir string, remove func(), err error) {
	dir, err = os.MkdirTemp("", "attestlog-bench-")
	if err != nil {
		return "", nil, fmt.Errorf("couldn't make a temporary directory: %w", err)
	}
	if err := os.Chmod(dir, 0o711); err != nil {
		os.RemoveAll(dir)
		return "", nil, fmt.Errorf("couldn't open the temporary directory: %w", err)
	}
	return dir, func() { os.RemoveAll(dir) }, nil
}
