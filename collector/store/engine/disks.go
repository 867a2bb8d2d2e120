package engine

import "encoding/xml"

// Tiered is the storage policy with which a table may have parts on two volumes: the one of
// the engine's own directory, whose name is the engine's, and ColdVolume. Without a cold disk
// it is the former alone. A table may have the policy whether there is one or not.
const (
	Tiered     = "tiered"
	ColdVolume = "cold"
)

// Cold is a second disk of the engine, for what is old: a directory of another file system,
// or an S3 bucket.
type Cold struct {
	Dir string // absolute; or
	URL string // of the bucket and what all keys in it begin with

	// Credentials are what S3 is asked with; none is what the environment says (AWS_…).
	Credentials *Credentials
	// CacheBytes bounds what is kept of S3's answers on the engine's own disk; 0 is
	// DefaultColdCache.
	CacheBytes int64
	// Known is that the disk was used before: S3 need not answer as the engine starts.
	Known bool
	// Leaving is that nothing goes there any more, however full the engine's own disk is.
	Leaving bool
}

// Credentials are a key of S3's.
type Credentials struct{ ID, Secret, Token string }

// DefaultColdCache is how much of S3's answers is kept unless told otherwise.
const DefaultColdCache = 10 << 30

// ColdMetadata is where, in the data directory, the engine keeps which objects in S3 the
// files of parts are.
const ColdMetadata = "disks/" + coldObjects

const (
	coldDisk    = ColdVolume // one name: a volume has one disk
	coldObjects = "cold_s3"  // below coldDisk, which is its cache then

	// moveFactor is the free share of the engine's own disk below which parts move on,
	// whatever their age.
	moveFactor = "0.1"
	// S3 that does not answer is given up on within seconds. The engine's own 500 tries hold
	// a question, and what waits for it, for an hour.
	s3Retries        = 3
	s3MaxRetryMS     = 1000
	s3ConnectMS      = 2000
	s3RequestMS      = 10_000
	movesAtATime     = 1
	coldReadsRetries = 2
)

// storage is the part of the configuration that tells of disks.
type storage struct {
	Disks    []disk `xml:"disks>disk,omitempty"`
	Policies policies
}

type policies struct {
	XMLName xml.Name `xml:"policies"`
	Default volume   `xml:"tiered>volumes>default"`
	Cold    *volume  `xml:"tiered>volumes>cold,omitempty"`
	Factor  string   `xml:"tiered>move_factor"`
}

type volume struct {
	Disk string `xml:"disk"`
	// MoveOnInsert has an insert of old rows go to the cold disk itself, and fail where it
	// is away. Moved by and by, they are stored whatever becomes of it.
	MoveOnInsert *int `xml:"perform_ttl_move_on_insert,omitempty"`
}

type disk struct {
	XMLName  xml.Name
	Type     string `xml:"type"`
	Path     string `xml:"path,omitempty"`
	Endpoint string `xml:"endpoint,omitempty"`

	Disk    string `xml:"disk,omitempty"`     // that a cache is of,
	MaxSize int64  `xml:"max_size,omitempty"` // and its size

	KeyID       string `xml:"access_key_id,omitempty"`
	Secret      string `xml:"secret_access_key,omitempty"`
	Token       string `xml:"session_token,omitempty"`
	Environment *bool  `xml:"use_environment_credentials,omitempty"`

	SkipCheck   *bool `xml:"skip_access_check,omitempty"`
	ConnectMS   int   `xml:"connect_timeout_ms,omitempty"`
	RequestMS   int   `xml:"request_timeout_ms,omitempty"`
	Retries     int   `xml:"s3_retry_attempts,omitempty"`
	MaxRetryMS  int   `xml:"s3_retry_max_delay_ms,omitempty"`
	ReadRetries int   `xml:"s3_max_single_read_retries,omitempty"`
}

// disks are what the engine has beside its own.
func (c Config) disks() []disk {
	named := func(name string) xml.Name { return xml.Name{Local: name} }
	switch cold := c.Cold; {
	case cold == nil:
		return nil
	case cold.Dir != "":
		return []disk{{XMLName: named(coldDisk), Type: "local", Path: cold.Dir + "/"}}
	default:
		bucket := disk{
			XMLName: named(coldObjects), Type: "s3", Endpoint: cold.URL, Environment: new(cold.Credentials == nil),
			SkipCheck: new(cold.Known), ConnectMS: s3ConnectMS, RequestMS: s3RequestMS,
			Retries: s3Retries, MaxRetryMS: s3MaxRetryMS, ReadRetries: coldReadsRetries,
		}
		if k := cold.Credentials; k != nil {
			bucket.KeyID, bucket.Secret, bucket.Token = k.ID, k.Secret, k.Token
		}
		size := cold.CacheBytes
		if size == 0 {
			size = DefaultColdCache
		}
		return []disk{bucket, {XMLName: named(coldDisk), Type: "cache", Disk: coldObjects, Path: "cold", MaxSize: size}}
	}
}

func (c Config) storage() storage {
	s := storage{Disks: c.disks(), Policies: policies{Default: volume{Disk: "default"}, Factor: moveFactor}}
	if c.Cold != nil {
		s.Policies.Cold = &volume{Disk: coldDisk, MoveOnInsert: new(int)}
		if c.Cold.Leaving {
			s.Policies.Factor = "0"
		}
	}
	return s
}
