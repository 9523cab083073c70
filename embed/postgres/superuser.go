package postgres

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/insforge/insforge-go/embed/supervise"
)

// superuserFile holds the verifier of the password that was set last, so that an
// unchanged password is recognised. It reveals no more than the copy that the
// server keeps next to it.
const superuserFile = "insforge.superuser"

// hasPassword reports whether the superuser's password was last set to this one.
func (p place) hasPassword(password string) (bool, error) {
	path := filepath.Join(p.dir, superuserFile)
	verifier, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fileError("read", path, err)
	}
	return scramMatches(strings.TrimSpace(string(verifier)), password), nil
}

// setPassword gives the superuser a password while no server runs, so that there
// is no moment when others could connect without it. The server gets a verifier
// through its standard input or a connection of our own: its arguments and its
// log show nothing. It inherits the files, which are closed here, and the flags.
func (p place) setPassword(ctx context.Context, password string, inherited []*os.File, flags ...string) error {
	verifier, err := ScramVerifier(password)
	if err != nil {
		return &Error{Kind: KindInternal, Message: "prepare the superuser's password", Err: err}
	}
	// The verifier is base64 and punctuation: it needs no quoting.
	sql := "ALTER ROLE " + Superuser + " WITH SUPERUSER LOGIN PASSWORD '" + verifier + "' VALID UNTIL 'infinity'\n"
	execute := p.singleUser
	if !p.account.named() {
		execute = p.privately
	}
	if err := execute(ctx, sql, inherited, flags); err != nil {
		return err
	}
	return p.writeFile(superuserFile, verifier+"\n")
}

// singleUser executes one line of SQL in a server without connections.
func (p place) singleUser(ctx context.Context, sql string, inherited []*os.File, flags []string) error {
	cmd, err := p.command("postgres", inherited, func(dir string) []string {
		args := []string{"--single", "-D", dir,
			"-c", "exit_on_error=on", "-c", "log_min_error_statement=panic", "-c", "log_checkpoints=off"}
		return append(append(args, flags...), "postgres")
	})
	if err != nil {
		return err
	}
	lines, err := run(ctx, cmd, strings.NewReader(sql))
	if err != nil {
		return serverError("set the superuser's password in "+p.dir, lines, err)
	}
	return nil
}

// openFile is a pg_hba.conf for a server that only its own user can reach.
const openFile = "insforge.setup.conf"

// privately executes SQL for an account that has no name in the password file,
// as is usual in containers that run under an arbitrary number: single-user mode
// refuses it. The server listens only on a socket in the data directory, which
// only those can enter who could also change the files.
func (p place) privately(ctx context.Context, sql string, inherited []*os.File, flags []string) error {
	if err := p.writeFile(openFile, "local all "+Superuser+" trust\n"); err != nil {
		return err
	}
	defer os.Remove(filepath.Join(p.dir, openFile))
	folder, cleanup, err := socketDir(p.dir)
	if err != nil {
		return err
	}
	defer cleanup()
	var lines recent
	process, err := supervise.Start(ctx, supervise.Spec{
		Command: func(context.Context) (*exec.Cmd, error) {
			return p.command("postgres", inherited, func(dir string) []string {
				args := []string{"-D", dir, "-p", strconv.Itoa(DefaultPort),
					"-c", "listen_addresses=", "-c", "unix_socket_directories=.", "-c", "unix_socket_permissions=0600",
					"-c", "hba_file=" + filepath.Join(dir, openFile), "-c", "log_min_error_statement=panic"}
				return append(args, flags...)
			})
		},
		Ready: p.ready,
		Line:  func(_ supervise.Stream, text string) { lines.add(text) },
		Stop:  []supervise.StopStep{{Signal: syscall.SIGINT, Wait: killPatience}},
		// The next start repeats all this.
		DeathSignal: syscall.SIGQUIT,
	})
	if err != nil {
		return serverError("set the superuser's password in "+p.dir, lines.all(), err)
	}
	dsn := connectionString(folder, DefaultPort, Superuser, "", "postgres")
	err = errors.Join(executeSQL(ctx, dsn, sql), process.Stop(ctx))
	if err != nil {
		return serverError("set the superuser's password in "+p.dir, lines.all(), err)
	}
	return nil
}
