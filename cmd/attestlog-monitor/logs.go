package main

import (
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/attestlog/attestlog/cmd/internal/command"
	"github.com/attestlog/attestlog/cmd/internal/keyfile"
	"github.com/attestlog/attestlog/ledger/monitor"
	"github.com/attestlog/attestlog/ledger/verify"
)

const logsManual = `The logs are in the file that --logs names, one a line, each with its public key and the addresses where it can be read:

  attestlog  log.example/2026+1a2b3c4d+AbCd…  https://log.example/ [https://mirror.example/ …]
  tiles      other.example/log+5e6f7a8b+EfGh…  https://other.example/log/

An attestlog log's entries are held against its law; of any other log that serves C2SP tlog-tiles the tree is rebuilt. Empty lines and
lines that begin with # are left out. Have the keys from elsewhere than the logs. Of a single attestlog log, --log-key and --server say the same.
`

// maxLogsFile and maxLogs bound a file of logs.
const (
	maxLogsFile = 1 << 20
	maxLogs     = 256
)

// follow is what serve and check have in common: which logs, and where their state is kept.
type follow struct {
	state, logs, logKey, server, from, policy, watch string
	patience, unreachable, stale                     time.Duration
	logging                                          command.Logging
	bases, keys                                      map[string]string // by origin: the first address of each log that is followed, and its key
}

func (f *follow) bind(fs *flag.FlagSet) {
	fs.StringVar(&f.state, "state", "", "the `directory` where what is known is kept; one process at a time may use it")
	fs.StringVar(&f.logs, "logs", "", "the `file` that says which logs to follow")
	fs.StringVar(&f.logKey, "log-key", "", "the public `key` of one attestlog log, or the file that holds it (default $ATTESTLOG_LOG_KEY)")
	fs.StringVar(&f.server, "server", "", "the `address` of that log (default $ATTESTLOG_SERVER)")
	fs.StringVar(&f.from, "from", "", "the `address` of this machine to speak from, where it has several: a log may show each another history")
	fs.StringVar(&f.policy, "policy", "", "a `file` that says whose cosignatures heads must have (c2sp.org/tlog-policy), of the logs that it names, or of all")
	fs.StringVar(&f.watch, "watch", "", `a `+"`file`"+` of entries to hear of, JSON: {"watches":[{"name":…,"source":…,"subject":…,"kind":…,"statement":…,"log":…}]}`)
	fs.DurationVar(&f.patience, "patience", time.Minute, "how long trouble that may pass has to last before it is an alarm: missing tiles, a head that is smaller than the one before")
	fs.DurationVar(&f.unreachable, "unreachable", 15*time.Minute, "how long a log may show no head at all")
	fs.DurationVar(&f.stale, "stale", 0, "how long a log may show neither new entries nor new cosignatures; 0 for ever")
	f.logging.Bind(fs)
}

// config reads what the flags name.
func (f *follow) config() (cfg monitor.Config, err error) {
	if f.state == "" {
		return cfg, command.Misusef("--state is missing")
	}
	cfg = monitor.Config{Dir: f.state, Patience: f.patience, Unreachable: f.unreachable, Stale: f.stale}
	if cfg.HTTP, err = f.client(); err != nil {
		return cfg, err
	}
	if cfg.Logs, err = f.configLogs(cfg.HTTP); err != nil {
		return cfg, err
	}
	if f.policy != "" {
		text, err := os.ReadFile(f.policy)
		if err != nil {
			return cfg, fmt.Errorf("couldn't read the policy: %w", err)
		}
		policy, err := verify.ParsePolicy(text)
		if err != nil {
			return cfg, fmt.Errorf("%s: %w", f.policy, err)
		}
		for i := range cfg.Logs {
			if policy.Knows(cfg.Logs[i].Key) {
				cfg.Logs[i].Policy = policy
			}
		}
	}
	if f.watch != "" {
		text, err := os.ReadFile(f.watch)
		if err != nil {
			return cfg, fmt.Errorf("couldn't read the watch list: %w", err)
		}
		if cfg.Watches, err = monitor.ParseWatches(text); err != nil {
			return cfg, fmt.Errorf("%s: %w", f.watch, err)
		}
	}
	return cfg, nil
}

// client is an HTTP client that speaks from the address that --from says.
func (f *follow) client() (*http.Client, error) {
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	if f.from != "" {
		ip := net.ParseIP(f.from)
		if ip == nil {
			return nil, command.Misusef("--from: %q is no IP address", f.from)
		}
		dialer.LocalAddr = &net.TCPAddr{IP: ip}
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DialContext = dialer.DialContext
	transport.MaxIdleConnsPerHost = 32
	transport.ResponseHeaderTimeout = 30 * time.Second
	return &http.Client{Transport: transport, Timeout: 2 * time.Minute}, nil
}

func (f *follow) configLogs(client *http.Client) ([]monitor.LogConfig, error) {
	key, server := f.logKey, f.server
	if f.logs == "" {
		if key == "" {
			key = os.Getenv("ATTESTLOG_LOG_KEY")
		}
		if server == "" {
			server = os.Getenv("ATTESTLOG_SERVER")
		}
	}
	switch {
	case f.logs != "" && (key != "" || server != ""):
		return nil, command.Misusef("--logs says which logs to follow, so --log-key and --server don't")
	case f.logs != "":
		return f.readLogs(client)
	case key == "" || server == "":
		return nil, command.Misusef("no log is named: want --logs, or --log-key and --server")
	}
	vkey, err := keyfile.LogKey(key)
	if err != nil {
		return nil, err
	}
	lc, err := f.parseLog([]string{"attestlog", vkey, server}, client)
	if err != nil {
		return nil, command.Misusef("%s", err)
	}
	return []monitor.LogConfig{lc}, nil
}

func (f *follow) readLogs(client *http.Client) ([]monitor.LogConfig, error) {
	path := f.logs
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("couldn't read which logs to follow: %w", err)
	}
	if len(text) > maxLogsFile {
		return nil, fmt.Errorf("couldn't read %s: it has more than %d bytes", path, maxLogsFile)
	}
	var all []monitor.LogConfig
	for i, line := range strings.Split(string(text), "\n") {
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		lc, err := f.parseLog(fields, client)
		if err != nil {
			return nil, fmt.Errorf("couldn't read %s: line %d: %w", path, i+1, err)
		}
		all = append(all, lc)
	}
	if len(all) == 0 || len(all) > maxLogs {
		return nil, fmt.Errorf("couldn't read %s: it names %d logs, and from 1 to %d are wanted", path, len(all), maxLogs)
	}
	return all, nil
}

// parseLog reads a line of a file of logs.
func (f *follow) parseLog(fields []string, client *http.Client) (lc monitor.LogConfig, err error) {
	if len(fields) < 3 || fields[0] != "attestlog" && fields[0] != "tiles" {
		return lc, fmt.Errorf("want attestlog or tiles, a log's key, and its addresses")
	}
	lc.Law = fields[0] == "attestlog"
	if lc.Key, err = note.NewVerifier(fields[1]); err != nil {
		return lc, fmt.Errorf("%q is not a log's key: %w", fields[1], err)
	}
	for _, base := range fields[2:] {
		source, err := monitor.NewHTTPSource(base, client)
		if err != nil {
			return lc, err
		}
		lc.Sources = append(lc.Sources, source)
	}
	if f.bases == nil {
		f.bases, f.keys = map[string]string{}, map[string]string{}
	}
	f.bases[lc.Key.Name()], f.keys[lc.Key.Name()] = fields[2], fields[1]
	return lc, nil
}

// checkURL tells whether a flag's value is the address of a server.
func checkURL(name, value string) error {
	u, err := url.Parse(value)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return command.Misusef("--%s: %q is no address: want http://HOST/ or https://HOST/", name, value)
	}
	return nil
}
