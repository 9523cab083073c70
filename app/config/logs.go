package config

// LogsFolder is where logs are in the data directory, unless set.
const LogsFolder = "logs"

// Logs is what is logged, and where.
type Logs struct {
	Level string
	Dir   string
}

func (l *Logs) settings() []Setting {
	return []Setting{
		{Name: "LOG_LEVEL", Default: "info", value: oneOf(&l.Level, "trace", "debug", "info", "warn", "error"),
			Description: "the least severe lines to log"},
		{Name: "LOGS_DIR", value: text(&l.Dir),
			Description: "the folder of the log files; unset, logs in the data directory"},
	}
}

// Validate implements node.
func (l *Logs) Validate() error { return nil }
