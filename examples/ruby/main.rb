# Connect a TikTok account, upload a video, publish it and watch it go out; then show what a refusal says.
#
# Usage: ruby -I gen main.rb VIDEO   (GATEWAY=host:port, GATEWAY_KEY=…, GATEWAY_LOCATION=locations/…)
require "securerandom"
require "grpc"
require "google/rpc/status_pb"
require "google/rpc/error_details_pb"
require "socialgateway/v1/account_service_services_pb"
require "socialgateway/v1/connection_service_services_pb"
require "socialgateway/v1/post_service_services_pb"
require "socialgateway/v1/upload_service_services_pb"

include SocialGateway::V1

LOCATION = ENV.fetch("GATEWAY_LOCATION")
PIECE = 1024 * 1024
# OutOfRange, Aborted: bytes of the broken stream arrived after the gateway was asked where it stands, or are arriving.
BROKEN = [GRPC::Unavailable, GRPC::OutOfRange, GRPC::Aborted].freeze
FINAL = %i[PUBLISHED AWAITING_CREATOR FAILED CANCELLED INDETERMINATE].freeze
$stdout.sync = true

def stub(service)
  service::Stub.new(ENV.fetch("GATEWAY"), :this_channel_is_insecure)
end

def call
  { metadata: { "authorization" => "Bearer #{ENV.fetch('GATEWAY_KEY')}" }, deadline: Time.now + 60 }
end

# Ask for a connection, wait for the consent, and return the connected account's name.
def connect
  connections = stub(ConnectionService)
  wanted = Connection.new(provider: "providers/tiktok", grant_kind: :GRANT_KIND_USER)
  request = CreateConnectionRequest.new(parent: LOCATION, connection: wanted, request_id: SecureRandom.uuid)
  connection = connections.create_connection(request, **call)
  puts "open #{connection.authorization.uri}"
  while connection.status == :PENDING
    sleep 0.5
    connection = connections.get_connection(GetConnectionRequest.new(name: connection.name), **call)
  end
  request = ListAccountsRequest.new(parent: LOCATION, connection: connection.name)
  account = stub(AccountService).list_accounts(request, **call).accounts.first
  puts "connected #{account.name}"
  account.name
end

# Upload a file; after a broken stream go on where the gateway stands. Return the upload's name.
def upload(path)
  uploads = stub(UploadService)
  announced = Upload.new(mime_type: "video/mp4", size_bytes: File.size(path))
  request = CreateUploadRequest.new(parent: LOCATION, upload: announced, request_id: SecureRandom.uuid)
  made = uploads.create_upload(request, **call)
  while made.state == :OPEN
    begin
      made = uploads.write_upload(pieces(made, path), **call)
    rescue *BROKEN
      sleep 0.2
      # Ruby's library has no wait_for_ready: a call fails while the connection is being made again.
      made = again { uploads.get_upload(GetUploadRequest.new(name: made.name), **call) }
      puts "resuming at #{made.committed_size}"
    end
  end
  puts "uploaded #{made.name}"
  made.name
end

# Return the rest of a file in pieces of 1 MiB; only the first names the upload, the last has `finish` set.
def pieces(made, path)
  Enumerator.new do |stream|
    name = made.name
    offset = made.committed_size
    File.open(path, "rb") do |file|
      file.seek(offset)
      while (data = file.read(PIECE))
        finish = offset + data.bytesize == made.size_bytes
        stream << WriteUploadRequest.new(name: name, write_offset: offset, data: data, finish: finish)
        name = ""
        offset += data.bytesize
      end
    end
  end
end

def again
  yield
rescue GRPC::Unavailable
  sleep 0.2
  retry
end

# Create a post and follow it until its state is final; a watch that breaks off begins again.
def publish(account, media)
  posts = stub(PostService)
  post = Post.new(
    account: account,
    mode: :POST_MODE_DIRECT,
    caption: "Hello from Ruby",
    video: VideoContent.new(source: MediaSource.new(upload: media)),
    options: PostOptions.new(privacy_level: :PRIVACY_LEVEL_ONLY_ME)
  )
  request = CreatePostRequest.new(parent: LOCATION, post: post, request_id: SecureRandom.uuid)
  post = posts.create_post(request, **call)
  puts "created #{post.name}"
  until FINAL.include?(post.state)
    begin
      watch = WatchPostRequest.new(name: post.name)
      posts.watch_post(watch, **call).each { |change| post = change.post unless change.checkpoint }
    rescue GRPC::Unavailable, GRPC::DeadlineExceeded
      sleep 0.2
    end
  end
  puts "post #{post.state} #{post.error&.message}"
end

# Ask for a post that does not exist, and print everything that the refusal says.
def refused
  stub(PostService).get_post(GetPostRequest.new(name: "#{LOCATION}/posts/missing"), **call)
rescue GRPC::BadStatus => e
  puts "refused #{e.class.name.split('::').last} #{e.details}"
  Google::Rpc::Status.decode(e.metadata["grpc-status-details-bin"]).details.each do |detail|
    kind = detail.type_url.split(".").last
    puts "detail #{kind} #{Google::Rpc.const_get(kind).decode(detail.value).to_json}"
  end
end

account = connect
publish(account, upload(ARGV.fetch(0)))
refused
