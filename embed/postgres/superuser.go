package postgres

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// superuserFile holds the verifier of the password that was set last. It tells
// an unchanged password from a new one, and is worth no more than the copy of it
// that the server keeps beside.
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
// is no moment in which others could connect without it. The single-user server
// gets a verifier through its standard input: neither its arguments nor its log
// show anything. It inherits the files, which are closed here, and the flags.
func (p place) setPassword(ctx context.Context, password string, inherited []*os.File, flags ...string) error {
	verifier, err := ScramVerifier(password)
	if err != nil {
		return &Error{Kind: KindInternal, Message: "prepare the superuser's password", Err: err}
	}
	cmd, err := p.command("postgres", inherited, func(dir string) []string {
		args := []string{"--single", "-D", dir,
			"-c", "exit_on_error=on", "-c", "log_min_error_statement=panic", "-c", "log_checkpoints=off"}
		return append(append(args, flags...), "postgres")
	})
	if err != nil {
		return err
	}
	// The verifier is base64 and punctuation: it needs no quoting.
	sql := "ALTER ROLE " + Superuser + " WITH SUPERUSER LOGIN PASSWORD '" + verifier + "' VALID UNTIL 'infinity'\n"
	lines, err := run(ctx, cmd, strings.NewReader(sql))
	if err != nil {
		return serverError("set the superuser's password in "+p.dir, lines, err)
	}
	return p.writeFile(superuserFile, verifier+"\n")
}
