package fault

// Code is the stable, machine-readable name of a failure: the "error" key of
// the envelope. A code has no fixed status; each route states the pair.
type Code string

// The public error codes, grouped by the area that answers with them.
const (
	// auth.
	AuthInvalidEmail                    Code = "AUTH_INVALID_EMAIL"
	AuthWeakPassword                    Code = "AUTH_WEAK_PASSWORD"
	AuthInvalidCredentials              Code = "AUTH_INVALID_CREDENTIALS"
	AuthInvalidAPIKey                   Code = "AUTH_INVALID_API_KEY"
	AuthEmailExists                     Code = "AUTH_EMAIL_EXISTS"
	AuthUserNotFound                    Code = "AUTH_USER_NOT_FOUND"
	AuthOAuthConfigAlreadyExists        Code = "AUTH_OAUTH_CONFIG_ALREADY_EXISTS"
	AuthOAuthConfigError                Code = "AUTH_OAUTH_CONFIG_ERROR"
	AuthOAuthConfigNotFound             Code = "AUTH_OAUTH_CONFIG_NOT_FOUND"
	AuthUnsupportedProvider             Code = "AUTH_UNSUPPORTED_PROVIDER"
	AuthTokenExpired                    Code = "AUTH_TOKEN_EXPIRED"
	AuthUnauthorized                    Code = "AUTH_UNAUTHORIZED"
	AuthNeedVerification                Code = "AUTH_NEED_VERIFICATION"
	AuthSignupDisabled                  Code = "AUTH_SIGNUP_DISABLED"
	AuthVerificationEmailDeliveryFailed Code = "AUTH_VERIFICATION_EMAIL_DELIVERY_FAILED"

	// database.
	DatabaseInvalidParameter       Code = "DATABASE_INVALID_PARAMETER"
	DatabaseValidationError        Code = "DATABASE_VALIDATION_ERROR"
	DatabaseConstraintViolation    Code = "DATABASE_CONSTRAINT_VIOLATION"
	DatabaseNotFound               Code = "DATABASE_NOT_FOUND"
	DatabaseDuplicate              Code = "DATABASE_DUPLICATE"
	DatabaseMigrationAlreadyExists Code = "DATABASE_MIGRATION_ALREADY_EXISTS"
	DatabasePermissionDenied       Code = "DATABASE_PERMISSION_DENIED"
	DatabaseInternalError          Code = "DATABASE_INTERNAL_ERROR"
	DatabaseForbidden              Code = "DATABASE_FORBIDDEN"

	// storage.
	StorageAlreadyExists     Code = "STORAGE_ALREADY_EXISTS"
	StorageInvalidParameter  Code = "STORAGE_INVALID_PARAMETER"
	StorageInvalidFileType   Code = "STORAGE_INVALID_FILE_TYPE"
	StorageInsufficientQuota Code = "STORAGE_INSUFFICIENT_QUOTA"
	StorageNotFound          Code = "STORAGE_NOT_FOUND"
	StoragePermissionDenied  Code = "STORAGE_PERMISSION_DENIED"
	S3AccessKeyLimitExceeded Code = "S3_ACCESS_KEY_LIMIT_EXCEEDED"
	S3AccessKeyNotFound      Code = "S3_ACCESS_KEY_NOT_FOUND"
	S3ProtocolUnavailable    Code = "S3_PROTOCOL_UNAVAILABLE"

	// realtime.
	RealtimeChannelNotFound       Code = "REALTIME_CHANNEL_NOT_FOUND"
	RealtimeConnectionFailed      Code = "REALTIME_CONNECTION_FAILED"
	RealtimeInvalidChannelRequest Code = "REALTIME_INVALID_CHANNEL_REQUEST"
	RealtimeInvalidChannelPattern Code = "REALTIME_INVALID_CHANNEL_PATTERN"
	RealtimeInvalidEvent          Code = "REALTIME_INVALID_EVENT"
	RealtimeNotSubscribed         Code = "REALTIME_NOT_SUBSCRIBED"
	RealtimeUnauthorized          Code = "REALTIME_UNAUTHORIZED"

	// ai / analytics / logs.
	AIInvalidAPIKey       Code = "AI_INVALID_API_KEY"
	AIInvalidModel        Code = "AI_INVALID_MODEL"
	AIUpstreamUnavailable Code = "AI_UPSTREAM_UNAVAILABLE"
	AnalyticsNotConnected Code = "ANALYTICS_NOT_CONNECTED"
	AnalyticsUnavailable  Code = "ANALYTICS_UNAVAILABLE"
	LogsAWSNotConfigured  Code = "LOGS_AWS_NOT_CONFIGURED"
	LogNotFound           Code = "LOG_NOT_FOUND"

	// compute / billing.
	ComputeCloudUnavailable         Code = "COMPUTE_CLOUD_UNAVAILABLE"
	ComputeNotConfigured            Code = "COMPUTE_NOT_CONFIGURED"
	ComputeProviderError            Code = "COMPUTE_PROVIDER_ERROR"
	ComputeServiceNotFound          Code = "COMPUTE_SERVICE_NOT_FOUND"
	ComputeMachineNotFound          Code = "COMPUTE_MACHINE_NOT_FOUND"
	ComputeServiceNotConfigured     Code = "COMPUTE_SERVICE_NOT_CONFIGURED"
	ComputeServiceDeployFailed      Code = "COMPUTE_SERVICE_DEPLOY_FAILED"
	ComputeServiceAlreadyExists     Code = "COMPUTE_SERVICE_ALREADY_EXISTS"
	ComputeServiceStartFailed       Code = "COMPUTE_SERVICE_START_FAILED"
	ComputeServiceStopFailed        Code = "COMPUTE_SERVICE_STOP_FAILED"
	ComputeServiceDeleteFailed      Code = "COMPUTE_SERVICE_DELETE_FAILED"
	ComputeRegionChangeNotSupported Code = "COMPUTE_REGION_CHANGE_NOT_SUPPORTED"
	ComputeQuotaExceeded            Code = "COMPUTE_QUOTA_EXCEEDED"
	BillingInsufficientBalance      Code = "BILLING_INSUFFICIENT_BALANCE"

	// email.
	EmailProviderNotConfigured Code = "EMAIL_PROVIDER_NOT_CONFIGURED"
	EmailSMTPConnectionFailed  Code = "EMAIL_SMTP_CONNECTION_FAILED"
	EmailSMTPSendFailed        Code = "EMAIL_SMTP_SEND_FAILED"
	EmailTemplateNotFound      Code = "EMAIL_TEMPLATE_NOT_FOUND"

	// deployments / docs.
	DeploymentAlreadyExists     Code = "DEPLOYMENT_ALREADY_EXISTS"
	DeploymentInvalidFile       Code = "DEPLOYMENT_INVALID_FILE"
	DeploymentNotFound          Code = "DEPLOYMENT_NOT_FOUND"
	DeploymentUploadCanceled    Code = "DEPLOYMENT_UPLOAD_CANCELED"
	DomainAlreadyExists         Code = "DOMAIN_ALREADY_EXISTS"
	DomainInvalid               Code = "DOMAIN_INVALID"
	DomainNotFound              Code = "DOMAIN_NOT_FOUND"
	EnvironmentVariableNotFound Code = "ENVIRONMENT_VARIABLE_NOT_FOUND"
	DocsNotFound                Code = "DOCS_NOT_FOUND"

	// functions / schedules.
	FunctionAlreadyExists      Code = "FUNCTION_ALREADY_EXISTS"
	FunctionDeploymentNotFound Code = "FUNCTION_DEPLOYMENT_NOT_FOUND"
	FunctionNotFound           Code = "FUNCTION_NOT_FOUND"
	FunctionSlugReserved       Code = "FUNCTION_SLUG_RESERVED"
	ScheduleInvalidCron        Code = "SCHEDULE_INVALID_CRON"
	ScheduleNotFound           Code = "SCHEDULE_NOT_FOUND"

	// payments / secrets.
	PaymentCheckoutAlreadyExists Code = "PAYMENT_CHECKOUT_ALREADY_EXISTS"
	PaymentConfigInvalid         Code = "PAYMENT_CONFIG_INVALID"
	PaymentConfigNotFound        Code = "PAYMENT_CONFIG_NOT_FOUND"
	PaymentNotFound              Code = "PAYMENT_NOT_FOUND"
	PaymentMethodDeclined        Code = "PAYMENT_METHOD_DECLINED"
	PaymentPriceNotFound         Code = "PAYMENT_PRICE_NOT_FOUND"
	PaymentProductNotFound       Code = "PAYMENT_PRODUCT_NOT_FOUND"
	SecretAlreadyExists          Code = "SECRET_ALREADY_EXISTS"
	SecretNotFound               Code = "SECRET_NOT_FOUND"

	// general.
	MissingField    Code = "MISSING_FIELD"
	AlreadyExists   Code = "ALREADY_EXISTS"
	InvalidInput    Code = "INVALID_INPUT"
	NotFound        Code = "NOT_FOUND"
	UnknownError    Code = "UNKNOWN_ERROR"
	InternalError   Code = "INTERNAL_ERROR"
	TooManyRequests Code = "TOO_MANY_REQUESTS"
	Forbidden       Code = "FORBIDDEN"
	RateLimited     Code = "RATE_LIMITED"
	NotImplemented  Code = "NOT_IMPLEMENTED"
	UpstreamFailure Code = "UPSTREAM_FAILURE"
)
