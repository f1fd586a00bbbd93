package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/attestlog/attestlog/cmd/internal/scripttest"
	"github.com/attestlog/attestlog/ledger/monitor/status"
	"github.com/attestlog/attestlog/migrations/pgserver"
)

// TestCompose starts what docker-compose.yml describes, as it describes it, without a container engine: each service's own command
// line, in the order of their dependencies, each awaited by its own health check. Where a container has addresses and
// volumes of its own, the test puts ports and directories of this machine; the image of PostgreSQL is a PostgreSQL of this machine.
func TestCompose(t *testing.T) {
	c := readCompose(t)
	w := newComposeWorld(t, c)
	t.Setenv("PATH", scripttest.Build(t, "../attestlog-prover", "../attestlog-monitor")+string(os.PathListSeparator)+os.Getenv("PATH")) // attestlogd is this program
	for _, name := range c.order(t) {
		s := c.Services[name]
		switch {
		case strings.HasPrefix(s.Image, "postgres:"):
			w.startPostgres(t, name, s)
		case slices.ContainsFunc(c.users(name), func(d dependency) bool { return d.Condition == "service_completed_successfully" }):
			w.runToEnd(t, name, s)
			w.runToEnd(t, name, s) // as at the next start of the whole
		default:
			w.startServer(t, name, s)
		}
	}
	w.checkWatched(t)
}

// compose is the part of a compose file that there is; anything else fails the test.
type compose struct {
	Services map[string]service
	Volumes  map[string]struct{}
}

type service struct {
	Image, Build, Restart string
	Entrypoint, Command   []string
	Environment           map[string]string
	Volumes, Ports        []string
	DependsOn             map[string]dependency `yaml:"depends_on"`
	Healthcheck           *healthcheck
	ReadOnly              bool     `yaml:"read_only"`
	CapDrop               []string `yaml:"cap_drop"`
	SecurityOpt           []string `yaml:"security_opt"`
	StopGracePeriod       string   `yaml:"stop_grace_period"`
	ShmSize               string   `yaml:"shm_size"`
}

type dependency struct{ Condition string }

type healthcheck struct {
	Test              []string
	Interval, Timeout string
	StartPeriod       string `yaml:"start_period"`
	Retries           int
}

func readCompose(t *testing.T) *compose {
	t.Helper()
	b, err := os.ReadFile("../../docker-compose.yml")
	if err != nil {
		t.Fatal(err)
	}
	// As a compose does: variables of the environment with defaults. The test's own environment is this one alone.
	text := interpolate(string(b), map[string]string{"ATTESTLOG_STATEMENTS": "none"})
	c := new(compose)
	d := yaml.NewDecoder(strings.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(c); err != nil {
		t.Fatalf("couldn't read docker-compose.yml: %v", err)
	}
	for name, s := range c.Services {
		c.check(t, name, s)
	}
	return c
}

var variable = regexp.MustCompile(`\$\{([A-Z_]+)(?::-([^}]*))?\}`)

func interpolate(text string, env map[string]string) string {
	return variable.ReplaceAllStringFunc(text, func(use string) string {
		m := variable.FindStringSubmatch(use)
		if v := env[m[1]]; v != "" {
			return v
		}
		return m[2]
	})
}

// check holds a service against what it refers to.
func (c *compose) check(t *testing.T, name string, s service) {
	t.Helper()
	oneShot := slices.ContainsFunc(c.users(name), func(d dependency) bool { return d.Condition == "service_completed_successfully" })
	if s.Healthcheck == nil && !oneShot {
		t.Errorf("%s has no health check", name)
	}
	if oneShot && s.Restart != "no" {
		t.Errorf("%s runs once, and restarts %q", name, s.Restart)
	}
	for other, d := range s.DependsOn {
		of, ok := c.Services[other]
		if !ok {
			t.Errorf("%s depends on %s, which there is not", name, other)
		}
		if d.Condition == "service_healthy" && of.Healthcheck == nil {
			t.Errorf("%s waits for the health of %s, which has no health check", name, other)
		}
	}
	for _, v := range s.Volumes {
		volume, _, _ := strings.Cut(v, ":")
		if _, ok := c.Volumes[volume]; !ok {
			t.Errorf("%s uses the volume %s, which there is not", name, volume)
		}
	}
	for _, p := range s.Ports {
		if !strings.HasPrefix(p, "127.0.0.1:") {
			t.Errorf("%s opens %s to the network", name, p)
		}
	}
	if _, tag, ok := strings.Cut(s.Image, ":"); s.Build == "" && c.built(s.Image) == 0 && (!ok || tag == "latest") {
		t.Errorf("%s has the image %s, which is not pinned", name, s.Image)
	}
}

// built counts the services that build an image of this name.
func (c *compose) built(image string) (n int) {
	for _, s := range c.Services {
		if s.Image == image && s.Build != "" {
			n++
		}
	}
	return n
}

// users are the dependencies of other services on this one.
func (c *compose) users(name string) (all []dependency) {
	for _, s := range c.Services {
		if d, ok := s.DependsOn[name]; ok {
			all = append(all, d)
		}
	}
	return all
}

// order is the services' names, dependencies first.
func (c *compose) order(t *testing.T) (names []string) {
	t.Helper()
	for len(names) < len(c.Services) {
		before := len(names)
		for name, s := range c.Services {
			ready := !slices.Contains(names, name)
			for other := range s.DependsOn {
				ready = ready && slices.Contains(names, other)
			}
			if ready {
				names = append(names, name)
			}
		}
		if len(names) == before {
			t.Fatal("the services depend on each other in a circle")
		}
	}
	return names
}

// composeWorld maps what a container sees to what this machine has.
type composeWorld struct {
	root    string
	replace map[string]string            // host:port → of this machine
	own     map[string]map[string]string // by service: what it alone sees so: paths, and its own ports
}

func newComposeWorld(t *testing.T, c *compose) *composeWorld {
	t.Helper()
	w := &composeWorld{root: scripttest.ReachableDir(t), replace: map[string]string{}, own: map[string]map[string]string{}}
	for name, s := range c.Services {
		own := map[string]string{}
		w.own[name] = own
		for _, v := range s.Volumes {
			volume, path, _ := strings.Cut(v, ":")
			path, _, _ = strings.Cut(path, ":") // what is behind it says that the volume can't be written to
			own[path] = filepath.Join(w.root, volume)
			if err := os.MkdirAll(own[path], 0o711); err != nil {
				t.Fatal(err)
			}
		}
		for _, p := range s.Ports {
			port := p[strings.LastIndex(p, ":")+1:]
			address, err := scripttest.FreeAddress()
			if err != nil {
				t.Fatal(err)
			}
			own["0.0.0.0:"+port], own["127.0.0.1:"+port], w.replace[name+":"+port] = address, address, address
		}
	}
	return w
}

// translate puts what this machine has in the place of what a service's container sees; of two that fit, the longer one.
func (w *composeWorld) translate(name, text string) string {
	all := maps.Clone(w.replace)
	maps.Copy(all, w.own[name])
	from := slices.SortedFunc(maps.Keys(all), func(a, b string) int { return len(b) - len(a) })
	for _, f := range from {
		text = strings.ReplaceAll(text, f, all[f])
	}
	return text
}

// startPostgres starts a PostgreSQL in place of the image's, reachable by TCP as that is, and runs the service's health check.
func (w *composeWorld) startPostgres(t *testing.T, name string, s service) {
	t.Helper()
	server, err := pgserver.Start(t.Context(), pgserver.Config{Dir: w.translate(name, strings.SplitN(s.Volumes[0], ":", 2)[1]), Unsafe: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Kill(); err != nil {
			t.Error(err)
		}
	})
	for name, must := range map[string]string{"POSTGRES_USER": "attestlog", "POSTGRES_DB": "attestlog"} {
		if s.Environment[name] != must {
			t.Errorf("%s is %q, want %q as in the services' --database-url", name, s.Environment[name], must)
		}
	}
	address := forward(t, server.Socket())
	w.replace["postgres:5432"] = address
	host, port, _ := net.SplitHostPort(address)
	w.awaitHealthy(t, name, s, "PGHOST="+host, "PGPORT="+port)
}

// forward makes a Unix socket reachable on a loopback port until the test ends.
func forward(t *testing.T, socket string) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	t.Cleanup(func() {
		l.Close()
		all.Wait()
	})
	all.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("unix", socket)
			if err != nil {
				in.Close()
				continue
			}
			pipe := func(to, from net.Conn) {
				_, _ = io.Copy(to, from) // either side may hang up
				to.Close()
				from.Close()
			}
			all.Go(func() { pipe(in, out) })
			all.Go(func() { pipe(out, in) })
		}
	})
	return l.Addr().String()
}

// command is a service's command line under the entry point of its image.
func (w *composeWorld) command(t *testing.T, name string, s service) *exec.Cmd {
	t.Helper()
	line := s.Entrypoint
	if line == nil {
		line = entryPoint(t)
	}
	for _, arg := range s.Command {
		line = append(line, w.translate(name, arg))
	}
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	for key, value := range s.Environment {
		cmd.Env = append(cmd.Env, key+"="+value)
	}
	return cmd
}

// entryPoint is the Dockerfile's.
func entryPoint(t *testing.T) (line []string) {
	t.Helper()
	b, err := os.ReadFile("../../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^ENTRYPOINT (\[.*\])$`).FindSubmatch(b)
	if m == nil {
		t.Fatal("the Dockerfile has no ENTRYPOINT in JSON")
	}
	if err := json.Unmarshal(m[1], &line); err != nil {
		t.Fatal(err)
	}
	return line
}

// runToEnd runs a service that does its work and ends.
func (w *composeWorld) runToEnd(t *testing.T, name string, s service) {
	t.Helper()
	if out, err := w.command(t, name, s).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// startServer starts a service, waits for its health, and stops it when the test ends, as an engine does.
func (w *composeWorld) startServer(t *testing.T, name string, s service) {
	t.Helper()
	cmd := w.command(t, name, s)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s didn't stop well: %v", name, err)
		}
		if t.Failed() {
			t.Logf("%s said:\n%s", name, &output)
		}
	})
	w.awaitHealthy(t, name, s)
}

// awaitHealthy runs a service's health check until it passes.
func (w *composeWorld) awaitHealthy(t *testing.T, name string, s service, env ...string) {
	t.Helper()
	if s.Healthcheck == nil || len(s.Healthcheck.Test) < 2 || s.Healthcheck.Test[0] != "CMD" {
		t.Fatalf("%s has no health check of the form [CMD, …]", name)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		var args []string
		for _, arg := range s.Healthcheck.Test[2:] {
			args = append(args, w.translate(name, arg))
		}
		cmd := exec.CommandContext(ctx, s.Healthcheck.Test[1], args...)
		cmd.Env = append([]string{"PATH=" + os.Getenv("PATH")}, env...)
		out, err := cmd.CombinedOutput()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal(fmt.Errorf("%s didn't become healthy: %w: %s", name, err, out))
		}
	}
}

// checkWatched fails unless the two monitors have read the log, speak with each other, and have no alarm; and the log's head is cosigned by the one of them
// that is its witness.
func (w *composeWorld) checkWatched(t *testing.T) {
	t.Helper()
	await := func(what, url string, good func(body []byte) bool) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		var body []byte
		for {
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
			if err != nil {
				t.Fatal(err)
			}
			if response, err := http.DefaultClient.Do(request); err == nil {
				body, err = io.ReadAll(response.Body)
				response.Body.Close()
				if err == nil && good(body) {
					return
				}
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				t.Fatalf("%s: %s", what, body)
			}
		}
	}
	await("the log has no witness", "http://"+w.replace["attestlogd:8080"]+"/v1/witnesses", func(body []byte) bool {
		return bytes.Contains(body, []byte(`"satisfied":true`))
	})
	policy, err := os.ReadFile(w.translate("attestlogd", "/etc/attestlog/policy"))
	if err != nil {
		t.Fatal(err)
	}
	key := strings.Fields(strings.Split(string(policy), "\n")[1])[2]
	name, _, _ := strings.Cut(key, "+")
	await("the head is not cosigned", "http://"+w.replace["attestlogd:8080"]+"/checkpoint", func(body []byte) bool {
		return bytes.Contains(body, []byte("\n— "+name+" "))
	})
	for _, monitor := range []string{"monitor-1:8090", "monitor-2:8090"} {
		await(monitor+" doesn't watch", "http://"+w.replace[monitor]+"/v1/status", func(body []byte) bool {
			report, err := status.Parse(body)
			if err != nil {
				t.Fatal(err)
			}
			for _, log := range report.Logs {
				if log.Raised() > 0 {
					t.Fatalf("%s has an alarm: %s", monitor, body)
				}
			}
			return len(report.Logs) == 1 && report.Logs[0].Size > 0 && len(report.Peers) == 1 && report.Peers[0].Spoke > 0
		})
	}
}
