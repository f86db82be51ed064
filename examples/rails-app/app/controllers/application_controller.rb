# frozen_string_literal: true

class ApplicationController < ActionController::Base
  # A form of ours carries the token; a JSON client has no session that could be stolen.
  protect_from_forgery with: :exception, unless: -> { request.format.json? }
end
