package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/attestlog/attestlog/api"
	"github.com/attestlog/attestlog/cmd/internal/serving"
	"github.com/attestlog/attestlog/ledger"
	"github.com/attestlog/attestlog/ledger/event"
)

const (
	pageWithin = 50        // ms, the 95th percentile of any page
	pageBytes  = 100 << 10 // compressed, with what it loads, less the verifier
)

func bindWeb(fs *flag.FlagSet) func(context.Context, plan, *report) error {
	var d databaseFlags
	d.bind(fs)
	entries := fs.Int64("entries", 1_000_000, "how many entries the log has")
	only := fs.String("pages", "", "measure only the pages whose names have this `part`")
	return func(ctx context.Context, p plan, r *report) (err error) {
		if *entries < 5000 || *entries > 100_000_000 {
			return &usageError{"--entries must be from 5000 to 100000000"}
		}
		cases := slices.DeleteFunc(pageCases(), func(c pageCase) bool { return !strings.Contains(c.name, *only) })
		if !slices.ContainsFunc(cases, func(c pageCase) bool { return !c.file() }) {
			return &usageError{fmt.Sprintf("--pages: no page's name has %q", *only)}
		}
		s := &shown{}
		s.server, err = newServer(ctx, r, &d, loadConfig{}, func(cfg *ledger.Config) { cfg.Now = s.now })
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, s.close()) }()
		s.behind.Store(int64(shownDays * 24 * time.Hour))
		if err := s.fill(ctx, r, *entries); err != nil {
			return err
		}
		// A log that grew over months was vacuumed on the way; this one would be in the middle of the measurement.
		if err := s.vacuum(ctx); err != nil {
			return err
		}
		b, err := s.open(ctx)
		if err != nil {
			return err
		}
		return b.measure(ctx, p, r, cases)
	}
}

func (s *shown) vacuum(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, s.url)
	if err != nil {
		return fmt.Errorf("couldn't connect to PostgreSQL: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, "VACUUM ANALYZE"); err != nil {
		return fmt.Errorf("couldn't vacuum the log: %w", err)
	}
	return nil
}

// browser asks for pages, and for what the API has of the same, over the loopback interface.
type browser struct {
	*shown
	base   string
	client *http.Client
	size   int64
	heads  []int64 // sizes of published ones
	assets map[string]int
}

// open serves the log as attestlogd does, and waits until all of it is published and counted.
func (s *shown) open(ctx context.Context) (*browser, error) {
	handler, err := serving.New(serving.Config{API: api.Config{Ledger: s.ledger}, LogKey: s.verifier})
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("couldn't listen on the loopback interface: %w", err)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	s.background(ctx, func(ctx context.Context) error {
		context.AfterFunc(ctx, func() { server.Close() })
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("couldn't serve: %w", err)
		}
		return nil
	})
	b := &browser{shown: s, base: "http://" + listener.Addr().String(), assets: map[string]int{}}
	b.client = &http.Client{Transport: &http.Transport{DisableCompression: true}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	s.stop = append(s.stop, func() error { b.client.CloseIdleConnections(); return nil })
	return b, b.settle(ctx)
}

func (b *browser) settle(ctx context.Context) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		summary, err := b.ledger.Summary(ctx, 1)
		if err != nil {
			return err
		}
		if b.size = summary.Size; summary.Counted == b.size && summary.Head != nil && summary.Head.Size == b.size {
			break
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	heads, err := b.ledger.Checkpoints(ctx, 0, 1000)
	for _, h := range heads {
		b.heads = append(b.heads, h.Size)
	}
	return err
}

// fetch asks for a path, and gives what came, as compressed as it was.
func (b *browser) fetch(ctx context.Context, path string) (body []byte, header http.Header, ms float64, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, b.base+path, nil)
	if err != nil {
		return nil, nil, 0, err
	}
	request.Header.Set("Accept-Encoding", "gzip")
	start := time.Now()
	response, err := b.client.Do(request)
	if err != nil {
		return nil, nil, 0, fmt.Errorf("couldn't get %s: %w", path, err)
	}
	defer response.Body.Close()
	body, err = io.ReadAll(response.Body)
	ms = time.Since(start).Seconds() * 1e3
	if err == nil && response.StatusCode >= 400 {
		err = fmt.Errorf("%s answers %s", path, response.Status)
	}
	return body, response.Header, ms, err
}

var assetAddress = regexp.MustCompile(`(?:href|src)="(/static/[^"]+)"`)

// loaded is how many compressed bytes a page loads beside its own.
func (b *browser) loaded(ctx context.Context, page []byte) (bytes int, err error) {
	for _, found := range assetAddress.FindAllSubmatch(page, -1) {
		address := string(found[1])
		if _, known := b.assets[address]; !known {
			body, _, _, err := b.fetch(ctx, address)
			if err != nil {
				return 0, err
			}
			b.assets[address] = len(body)
		}
		bytes += b.assets[address]
	}
	return bytes, nil
}

// one picks one of a list.
func one[T any](list []T) T { return list[rand.IntN(len(list))] }

// place puts something of this log into the places of a form of addresses.
func (b *browser) place(form string) string {
	system, source := one(b.systems), one(b.services).source
	index := rand.Int64N(b.size)
	switch {
	case strings.HasPrefix(form, "/datasets/"):
		index = system.dataset
	case strings.HasPrefix(form, "/provenance/"):
		index = system.modelVersion
	}
	name, instance, _ := strings.Cut(source, "/")
	return strings.NewReplacer(
		"{index}", fmt.Sprint(index), "{size}", fmt.Sprint(one(b.heads)), "{from}", fmt.Sprint(one(b.heads)), "{to}", fmt.Sprint(b.size),
		"{digest}", one(b.digests).String(), "{name}", name, "{instance}", instance, "{vk}", b.attester.setup.VerifyingKey().Digest().String(),
		"{system}", system.name, "{model}", fmt.Sprint(system.modelVersion), "{dataset}", fmt.Sprint(system.dataset), "{kind}", event.ModelVersion.String(), "{day}", time.Now().Add(-time.Duration(rand.IntN(60)+7)*24*time.Hour).UTC().Format(time.DateOnly),
		"{today}", time.Now().UTC().Format(time.DateOnly), "{ms}", fmt.Sprint(time.Now().Add(-time.Duration(rand.IntN(shownDays))*24*time.Hour).UnixMilli()),
		"{number}", fmt.Sprint(rand.IntN(1_000_000)),
	).Replace(form)
}

// measure asks for all pages, round by round, each beside the API's answer.
func (b *browser) measure(ctx context.Context, p plan, r *report, cases []pageCase) error {
	r.progress("asking for %d pages of a log of %d entries", len(cases), b.size)
	type result struct{ page, cpu, raw, bytes series }
	results := make([]result, len(cases))
	var measures []measure
	for i, c := range cases {
		measures = append(measures, func(ctx context.Context) error {
			for start := time.Now(); time.Since(start) < p.slice()/5; {
				path, busy := b.place(c.page), cpuTime()
				page, _, ms, err := b.fetch(ctx, path)
				if err != nil {
					return err
				}
				results[i].cpu = append(results[i].cpu, (cpuTime()-busy).Seconds()*1e3)
				results[i].page, results[i].bytes = append(results[i].page, ms), append(results[i].bytes, float64(len(page)))
				if _, _, ms, err = b.fetch(ctx, b.place(c.raw)); err != nil {
					return err
				}
				results[i].raw = append(results[i].raw, ms)
			}
			return nil
		})
	}
	for i := range measures { // warms up
		if err := measures[i](ctx); err != nil {
			return err
		}
		results[i] = result{}
	}
	if err := interleave(ctx, plan{p.seconds / 5, p.rounds}, measures...); err != nil {
		return err
	}
	slowest := -1
	for i, c := range cases {
		res := results[i]
		err := r.figure("web/"+c.name+"/p95", "ms", series{res.page.quantile(.95)}, series{res.raw.quantile(.95)},
			"the 95th percentile of %d requests for %s of a log of %d entries, with other places each time (p50 %s ms; CPU time of both ends, less PostgreSQL's, %s ms on average); limit: the same of GET %s (p50 %s ms); %s",
			len(res.page), c.page, b.size, short(res.page.median()), short(res.cpu.mean()), c.raw, short(res.raw.median()), b.about)
		if err == nil && !c.file() {
			if slowest < 0 || res.page.quantile(.95) > results[slowest].page.quantile(.95) {
				slowest = i
			}
			err = b.weigh(ctx, r, c, res.bytes)
		}
		if err != nil {
			return err
		}
	}
	return r.figure("web/slowest/p95", "ms", series{results[slowest].page.quantile(.95)}, series{pageWithin}, "the slowest page: %s; limit: what any page may take", cases[slowest].name)
}

// weigh says how many bytes a page has.
func (b *browser) weigh(ctx context.Context, r *report, c pageCase, sizes series) error {
	plain, err := b.plain(ctx, b.place(c.page))
	if err != nil {
		return err
	}
	loaded, err := b.loaded(ctx, plain)
	if err != nil {
		return err
	}
	return r.figure("web/"+c.name+"/bytes", "bytes", series{sizes.median() + float64(loaded)}, series{pageBytes},
		"compressed, with %d of what it loads, less the verifier; limit: what a page may have", loaded)
}

// plain is a page, not compressed.
func (b *browser) plain(ctx context.Context, path string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, b.base+path, nil)
	if err != nil {
		return nil, err
	}
	response, err := b.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("couldn't get %s: %w", path, err)
	}
	defer response.Body.Close()
	return io.ReadAll(response.Body)
}
