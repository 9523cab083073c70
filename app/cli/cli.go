// Package cli is the command line of the product. Each command is a
// constructor in a file of its own and documents its exit codes.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/insforge/insforge-go/app/config"
	"github.com/spf13/cobra"
)

// Exit codes shared by all commands.
const (
	exitOK    = 0
	exitError = 1 // it did not work; standard error says why
	exitUsage = 2 // unknown command, flag or argument
)

// codedError is an error with an exit code of its own.
type codedError struct {
	error
	code int
}

func (e codedError) Unwrap() error { return e.error }

// Main runs the command line and returns the exit code.
func Main(args []string, stdout, stderr io.Writer) int {
	ctx, stop := stopOnSignal()
	defer stop()

	root := newRoot()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	var coded codedError
	if errors.As(err, &coded) {
		if coded.error != nil {
			complain(stderr, coded.error)
		}
		return coded.code
	}
	complain(stderr, err)
	return exitError
}

// complain prints an error as one line: joined errors have several.
func complain(stderr io.Writer, err error) {
	lines := strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\r' })
	fmt.Fprintln(stderr, "insforge:", strings.Join(lines, "; "))
}

// stopOnSignal returns a context that the first signal ends. By then the second
// one has its default effect, so that nobody is locked in.
func stopOnSignal() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	arrived := make(chan os.Signal, 1)
	signal.Notify(arrived, stopSignals()...)
	go func() {
		select {
		case <-arrived:
		case <-ctx.Done():
		}
		signal.Stop(arrived) // first, so that whoever sees us stop can hurry us
		cancel()
	}()
	return ctx, cancel
}

// stopSignals end a command. A closed terminal does too, unless nohup started
// the command so that it survives that.
func stopSignals() []os.Signal {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		signals = append(signals, syscall.SIGHUP)
	}
	return signals
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "insforge",
		Short: "A whole backend in one executable",
		Long: "insforge serves a real Postgres with a REST query API, auth and a dashboard\n" +
			"from one folder. Start with: insforge serve\n\n" +
			"Exit codes of every command: 0 done, 1 failed (standard error says why),\n" +
			"2 wrong usage. Further codes stand in the help of the command.",
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return codedError{fmt.Errorf("%w (see %s --help)", err, c.CommandPath()), exitUsage}
	})
	root.AddCommand(newServe(), newREST(), newStatus(), newDoctor(), newKeys(), newDB(), newGen(), newVersion())
	usageArgs(root)
	return root
}

// usageArgs makes wrong arguments exit with exitUsage, in sub-commands too.
func usageArgs(c *cobra.Command) {
	check := c.Args
	if check != nil {
		c.Args = func(c *cobra.Command, args []string) error {
			if err := check(c, args); err != nil {
				return codedError{err, exitUsage}
			}
			return nil
		}
	}
	for _, sub := range c.Commands() {
		usageArgs(sub)
	}
}

// loadConfig reads the environment and puts the flags over it.
func loadConfig(flags ...*settingFlag) (config.Config, error) {
	environ := os.Environ()
	for _, f := range flags {
		if f.text != "" {
			environ = append(environ, f.setting+"="+f.text)
		}
	}
	return config.Load(environ)
}

// settingFlag is a flag that stands over a setting of the environment. An
// empty one leaves the setting alone.
type settingFlag struct{ setting, kind, text string }

// Set implements pflag.Value.
func (f *settingFlag) Set(text string) error {
	if text != "" {
		if err := config.Check(f.setting, text); err != nil {
			return err
		}
	}
	f.text = text
	return nil
}

// String implements pflag.Value.
func (f *settingFlag) String() string { return f.text }

// Type implements pflag.Value.
func (f *settingFlag) Type() string { return f.kind }

// dataDirFlag adds --data-dir.
func dataDirFlag(c *cobra.Command) *settingFlag {
	f := &settingFlag{setting: "INSFORGE_DATA_DIR", kind: "folder"}
	c.Flags().Var(f, "data-dir", "folder that holds the project's data (default ./"+config.DefaultDataDir+", or INSFORGE_DATA_DIR)")
	return f
}
