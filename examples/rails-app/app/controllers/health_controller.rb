# frozen_string_literal: true

# What the probes of deploy/deploy.yml ask.
class HealthController < ActionController::API
  # The process answers. It asks nothing of the database: restarting the app would not mend that.
  def live
    render plain: "live"
  end

  # The app can serve: the database answers. The reason of a failure goes to the log, not to the world.
  def ready
    ActiveRecord::Base.connection.select_value("SELECT 1")
    render plain: "ready"
  rescue ActiveRecord::ActiveRecordError => e
    logger.warn("not ready: #{e.class}: #{e.message.squish}")
    render plain: "not ready: the database does not answer", status: :service_unavailable
  end
end
