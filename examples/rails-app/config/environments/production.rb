# frozen_string_literal: true

# Staging runs with this file too: the two differ by their ConfigMap and Secret alone.
Rails.application.configure do
  config.cache_classes = true
  config.eager_load = true
  config.consider_all_requests_local = false

  # Assets are made when the image is built; nothing is compiled while the app runs.
  config.assets.compile = false
  config.assets.gzip = false
  config.public_file_server.enabled = ENV["RAILS_SERVE_STATIC_FILES"].present?
  config.public_file_server.headers = { "Cache-Control" => "public, max-age=31536000, immutable" }

  config.log_level = ENV.fetch("RAILS_LOG_LEVEL", "info").to_sym
  config.log_tags = [:request_id]
  config.colorize_logging = false
  if ENV["RAILS_LOG_TO_STDOUT"].present?
    $stdout.sync = true
    config.logger = ActiveSupport::TaggedLogging.new(ActiveSupport::Logger.new($stdout))
  end

  # The image's files belong to root: a migration in the cluster has no db/schema.rb to rewrite.
  config.active_record.dump_schema_after_migration = false
end
