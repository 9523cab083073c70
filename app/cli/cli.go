// Package cli is the product's command line. Each command has a constructor in
// its own file and documents its exit codes.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/insforge/insforge-go/app/config"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Exit codes shared by all commands.
const (
	exitOK    = 0
	exitError = 1 // it did not work; standard error says why
	exitUsage = 2 // unknown command, flag or argument
)

// codedError is an error with its own exit code.
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

// fileError says what could not be done with a file that the user named.
func fileError(doing, path string, err error) error {
	if err == nil {
		return nil
	}
	if system := (*fs.PathError)(nil); errors.As(err, &system) {
		err = system.Err // without the name of the call and the path again
	}
	return fmt.Errorf("cannot %s %s: %w", doing, printable(path), err)
}

// complain prints an error. Joined errors and advice are lines of their own on a
// terminal. Elsewhere, such as in the log of a service, all is one line.
func complain(stderr io.Writer, err error) {
	const name = "insforge: "
	lines := strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\r' })
	between := "; "
	if isTerminal(stderr) {
		between = "\n" + strings.Repeat(" ", len(name))
	}
	fmt.Fprintln(stderr, name+strings.Join(lines, between))
}

// stopOnSignal returns a context that the first signal ends. The second one
// has its default effect.
func stopOnSignal() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	arrived := make(chan os.Signal, 1)
	signal.Notify(arrived, stopSignals()...)
	go func() {
		select {
		case <-arrived:
		case <-ctx.Done():
		}
		signal.Stop(arrived) // first, so that a second signal ends the process at once
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
	var showVersion bool
	root := &cobra.Command{
		Use:   "insforge",
		Short: "A whole backend in one executable",
		Long: "insforge serves a real Postgres with a REST query API, auth and a dashboard from\n" +
			"one folder. Start with: insforge serve\n\n" +
			"Exit codes of every command: 0 done, 1 failed (standard error says why),\n" +
			"2 wrong usage. The help of a command lists its other codes.",
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          knownCommand,
		RunE: func(c *cobra.Command, _ []string) error {
			if showVersion {
				printVersion(c)
				return nil
			}
			return c.Help()
		},

		PersistentPreRunE: func(c *cobra.Command, _ []string) error { return refuseEmptyFlags(c) },
	}
	// Not the Version of cobra: its template keeps every method of every type in
	// the executable, 4 MB.
	root.Flags().BoolVarP(&showVersion, "version", "v", false, "print the version of this executable")
	root.SetHelpCommand(newHelp())
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return codedError{fmt.Errorf("%s (see %s --help)", flagProblem(err), c.CommandPath()), exitUsage}
	})
	root.AddCommand(newServe(), newREST(), newStatus(), newDoctor(), newKeys(), newAdmin(), newDB(), newGen(), newVersion())
	usageArgs(root)
	return root
}

func newHelp() *cobra.Command {
	return &cobra.Command{
		Use:   "help [command]",
		Short: "Print the help of a command",
		Long:  "Prints the help of a command, as --help does.\n\nExit codes: 0 printed, 2 unknown command.",
		RunE: func(c *cobra.Command, args []string) error {
			about, rest, err := c.Root().Find(args)
			if err == nil {
				err = knownCommand(about, rest)
			}
			if err != nil {
				return codedError{err, exitUsage}
			}
			about.InitDefaultHelpFlag()
			return about.Help()
		},
	}
}

// newGroup returns a command that only holds others.
func newGroup(use, short, long string, commands ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{
		Use: use, Short: short, Long: long,
		Args: knownCommand,
		RunE: func(c *cobra.Command, _ []string) error {
			var names []string
			for _, sub := range c.Commands() {
				names = append(names, sub.Name())
			}
			return codedError{fmt.Errorf("%s needs a command: %s (see %[1]s --help)", c.CommandPath(), strings.Join(names, ", ")), exitUsage}
		},
	}
	c.AddCommand(commands...)
	return c
}

// knownCommand refuses anything but the name of a command, and suggests one
// that looks like it.
func knownCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := "see " + c.CommandPath() + " --help"
	if similar := similarCommands(c, args[0]); len(similar) > 0 {
		hint = "did you mean " + strings.Join(similar, " or ") + "?"
	}
	return fmt.Errorf("unknown command %q for %q; %s", printable(args[0]), c.CommandPath(), hint)
}

// similarCommands returns the commands that a name may mean. Short names are all
// alike, so those with the same initial are preferred.
func similarCommands(c *cobra.Command, name string) []string {
	c.SuggestionsMinimumDistance = 2
	similar := c.SuggestionsFor(name)
	var likely []string
	for _, s := range similar {
		if name != "" && s[0] == name[0] {
			likely = append(likely, s)
		}
	}
	if len(likely) > 0 {
		return likely
	}
	return similar
}

// refuseEmptyFlags refuses a flag whose value is empty, which is rarely meant:
// in a script it is a variable that is not set.
func refuseEmptyFlags(c *cobra.Command) (err error) {
	c.Flags().Visit(func(f *pflag.Flag) {
		if f.Value.String() == "" {
			err = codedError{fmt.Errorf("--%s is empty; give it a value or leave it out", f.Name), exitUsage}
		}
	})
	return err
}

// flagProblem says what is wrong with a flag; for a bad value, in the words
// of the settings.
func flagProblem(err error) string {
	bad := (*pflag.InvalidValueError)(nil)
	if !errors.As(err, &bad) {
		return err.Error()
	}
	problem := bad.Unwrap().Error()
	if bad.GetFlag().Value.Type() == "bool" { // the parser names the function that it called
		problem = "want true or false"
	}
	return fmt.Sprintf("--%s is %q: %s", bad.GetFlag().Name, bad.GetValue(), problem)
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
		if f.text != "" { // given
			environ = append(environ, f.setting.Name+"="+f.text)
		}
	}
	return config.Load(environ)
}

// settingFlag is a flag that overrides a setting of the environment.
type settingFlag struct {
	setting    config.Setting
	kind, text string
}

// addSettingFlag adds a flag for a setting. kind says in one word what its
// value is.
func addSettingFlag(c *cobra.Command, flag, setting, kind string) *settingFlag {
	f := &settingFlag{setting: config.Lookup(setting), kind: kind}
	c.Flags().Var(f, flag, fmt.Sprintf("%s (default %s, or %s)", f.setting.Description, f.setting.Default, setting))
	return f
}

// Set implements pflag.Value.
func (f *settingFlag) Set(text string) error {
	if err := f.setting.Check(text); err != nil {
		return err
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
	return addSettingFlag(c, "data-dir", "INSFORGE_DATA_DIR", "folder")
}
