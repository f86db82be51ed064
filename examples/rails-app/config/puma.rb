# frozen_string_literal: true

threads_count = ENV.fetch("RAILS_MAX_THREADS", 5).to_i
threads threads_count, threads_count

port ENV.fetch("PORT", 3000)
environment ENV.fetch("RAILS_ENV", "development")

# More than one process only where the ConfigMap asks for it: a pod is the unit that is scaled.
workers_count = ENV.fetch("WEB_CONCURRENCY", 0).to_i
workers workers_count
preload_app! if workers_count.positive?
