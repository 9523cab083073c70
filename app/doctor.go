package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/insforge/insforge-go/app/config"
	"github.com/insforge/insforge-go/embed/bundle"
	"github.com/insforge/insforge-go/embed/postgres"
	"golang.org/x/sys/unix"
)

// Level is how bad a finding is.
type Level string

// The levels of a finding.
const (
	Fine    Level = "ok"
	Warning Level = "warn"
	Wrong   Level = "WRONG"
)

// Finding is one line of doctor.
type Finding struct {
	Level   Level  `json:"level"`
	Subject string `json:"subject"`
	Message string `json:"message"`
}

const (
	scarceDisk = 1 << 30
	noDisk     = 100 << 20
)

// Diagnose checks what a start or a running process depends on. It changes
// nothing.
func Diagnose(ctx context.Context, cfg config.Config) []Finding {
	serving, err := Serving(cfg.DataDir)
	if err != nil {
		return []Finding{{Wrong, "data", dataDirError(cfg.DataDir, err).Error()}}
	}
	findings := []Finding{
		checkFolder("data", cfg.DataDir, "--data-dir"),
		checkFolder("logs", cfg.Logs.Dir, "LOGS_DIR"),
		checkDisk(cfg),
		checkSecrets(cfg),
		checkPort(ctx, cfg, serving),
	}
	if cfg.Postgres.External() {
		findings = append(findings, checkExternal(ctx, cfg))
	} else {
		findings = append(findings, checkRuntime(ctx, cfg), checkProcess(ctx, cfg, serving))
	}
	if serving {
		findings = append(findings, checkAuth(ctx, cfg)...)
	}
	return findings
}

// checkFolder checks that a folder can be written, or made. setting is how to
// choose another one.
func checkFolder(subject, path, setting string) Finding {
	wrong := func(format string, args ...any) Finding {
		return Finding{Wrong, subject, path + " " + fmt.Sprintf(format, args...) + " choose another with " + setting}
	}
	place := existingParent(path)
	info, err := os.Stat(place)
	if err == nil {
		err = unix.Access(place, unix.W_OK|unix.X_OK)
	}
	switch {
	case info != nil && !info.IsDir() && place == path:
		return wrong("is a file;")
	case info != nil && !info.IsDir(), errors.Is(err, unix.ENOTDIR):
		return wrong("is below a file;")
	case errors.Is(err, unix.EROFS):
		return wrong("cannot be written: it is on a read-only file system; mount it writable or")
	case err != nil && place == path:
		return wrong("cannot be written by this user; give it write permission or")
	case err != nil:
		return wrong("does not exist and %s cannot be written;", place)
	case place != path:
		return Finding{Fine, subject, path + " does not exist yet; serve will create it"}
	}
	return Finding{Fine, subject, path}
}

func existingParent(path string) string {
	for {
		if _, err := os.Stat(path); err == nil || path == filepath.Dir(path) {
			return path
		}
		path = filepath.Dir(path)
	}
}

func checkDisk(cfg config.Config) Finding {
	const subject = "disk"
	var s unix.Statfs_t
	at := existingParent(cfg.DataDir)
	if err := unix.Statfs(at, &s); err != nil {
		return Finding{Warning, subject, fmt.Sprintf("free space of %s cannot be read: %v", at, err)}
	}
	free := uint64(s.Bavail) * uint64(s.Bsize)
	text := fmt.Sprintf("%.1f GB free for %s", float64(free)/1e9, at)
	switch {
	case free < noDisk:
		return Finding{Wrong, subject, text + "; the database stops when it cannot write: free some space"}
	case free < scarceDisk:
		return Finding{Warning, subject, text + "; free some space soon"}
	}
	return Finding{Fine, subject, text}
}

func checkSecrets(cfg config.Config) Finding {
	const subject = "secrets"
	if err := config.CheckSecrets(cfg); err != nil {
		return Finding{Wrong, subject, err.Error()}
	}
	s, err := config.ReadSecrets(cfg)
	if errors.Is(err, fs.ErrNotExist) {
		return Finding{Fine, subject, "none yet; serve will generate them"}
	}
	if err != nil {
		return Finding{Wrong, subject, err.Error()}
	}
	if info, err := os.Stat(s.Path); err == nil && info.Mode().Perm()&0o077 != 0 {
		return Finding{Warning, subject, fmt.Sprintf("%s can be read by other users; run chmod 600 on it", s.Path)}
	}
	return Finding{Fine, subject, s.Path}
}

func checkPort(ctx context.Context, cfg config.Config, serving bool) Finding {
	const subject = "port"
	if serving {
		return Finding{Fine, subject, "held by the serving process"}
	}
	l, err := listen(ctx, cfg.Server.Host, cfg.Server.Port)
	if err != nil {
		return Finding{Wrong, subject, err.Error()}
	}
	_ = l.Close()
	return Finding{Fine, subject, net.JoinHostPort(cfg.Server.Host, strconv.Itoa(cfg.Server.Port)) + " is free"}
}

func checkRuntime(ctx context.Context, cfg config.Config) Finding {
	const subject = "postgres"
	have, err := postgres.ClusterMajor(filepath.Join(cfg.DataDir, postgresDir))
	if err != nil {
		return Finding{Wrong, subject, err.Error()}
	}
	fallback := filepath.Join(cfg.DataDir, runtimeDir)
	if _, err := os.Stat(fallback); err != nil { // looking must not create it
		temporary, err := os.MkdirTemp("", "insforge-doctor-")
		if err != nil {
			return Finding{Wrong, subject, err.Error()}
		}
		defer os.RemoveAll(temporary)
		fallback = temporary
	}
	rt, err := findPostgres(ctx, cfg, fallback)
	if err != nil {
		return Finding{Wrong, subject, err.Error()}
	}
	if have != 0 && have != rt.Major {
		return Finding{Wrong, subject, fmt.Sprintf("the data directory belongs to Postgres %d but only %d is available; set %s to an installation of %d", have, rt.Major, bundle.PostgresDirEnv, have)}
	}
	return Finding{Fine, subject, fmt.Sprintf("Postgres %s (%s)", rt.Version, rt.Source)}
}

func checkProcess(ctx context.Context, cfg config.Config, serving bool) Finding {
	const subject = "process"
	if !serving {
		return Finding{Fine, subject, "not running; start it with insforge serve"}
	}
	i, err := ReadInstance(cfg.DataDir)
	if err != nil {
		return Finding{Warning, subject, "starting or stopping right now; try again in a few seconds"}
	}
	if err := AskHealth(ctx, i.URL); err != nil {
		return Finding{Wrong, subject, fmt.Sprintf("process %d is running, but %v; see the logs in %s", i.PID, err, cfg.Logs.Dir)}
	}
	return Finding{Fine, subject, fmt.Sprintf("process %d answers at %s and so does its database", i.PID, i.URL)}
}

// AskHealth returns nil when the process at url answers and so does its
// database, else an error that says which does not.
func AskHealth(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/api/health", nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return fmt.Errorf("it does not answer at %s", url)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return errors.New("its database does not answer")
	}
	return nil
}

func checkExternal(ctx context.Context, cfg config.Config) Finding {
	const subject = "database"
	x, err := inspectExternal(ctx, cfg.Postgres.DSN())
	switch {
	case err != nil:
		return Finding{Wrong, subject, err.Error()}
	case x.limited:
		return Finding{Warning, subject, limitedHint}
	}
	return Finding{Fine, subject, fmt.Sprintf("Postgres %d answers", x.version)}
}
